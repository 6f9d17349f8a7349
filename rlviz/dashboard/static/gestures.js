/** Zoom and pan by mouse, wheel and touch over a plotting area, in shares of its size. */

import { element } from "./elements.js";

const LEAST = 6; // pixels that make a drag
const FLAT = 24; // a drag lower than this selects only x, a narrower one only y

/**
 * Listen on an element.
 * @param {HTMLElement} over the plotting area.
 * @param {Object} on
 *     zoom({left, right, top, bottom}): shares of the area; null for a side that stays;
 *     pan(across, up): shares since the gesture began; panEnd(); panStart();
 *     scale(factor, share): zoom x about a share of the width;
 *     reset(); move(left, top) in pixels, of a pointer or of one finger; leave().
 */
export function listen(over, on) {
  const box = element("div", { class: "selection", hidden: true });
  over.append(box);
  let drag = null;

  const spot = (event) => {
    const area = over.getBoundingClientRect();
    return { left: event.clientX - area.left, top: event.clientY - area.top, area };
  };
  const onEscape = (event) => event.key === "Escape" && stop();
  const stop = () => {
    document.removeEventListener("keydown", onEscape);
    if (drag?.isPan) on.panEnd();
    drag = null;
    box.hidden = true;
    over.classList.remove("is-panning");
  };

  listenToFingers(over, spot, on);
  const isFinger = ({ pointerType }) => pointerType === "touch";

  over.addEventListener("pointerdown", (event) => {
    if (isFinger(event) || (event.button !== 0 && event.button !== 1)) return;
    const { left, top } = spot(event);
    const isPan = event.shiftKey || event.button === 1;
    if (event.button === 1) event.preventDefault();
    drag = { left, top, isPan, id: event.pointerId };
    over.setPointerCapture(event.pointerId);
    document.addEventListener("keydown", onEscape);
    if (isPan) {
      over.classList.add("is-panning");
      on.panStart();
    }
  });
  over.addEventListener("pointermove", (event) => {
    if (isFinger(event)) return undefined;
    const { left, top, area } = spot(event);
    if (!drag) return on.move(left, top);
    if (drag.isPan) return on.pan((left - drag.left) / area.width, (top - drag.top) / area.height);
    on.leave();
    return place(box, selected(drag, left, top, area), area);
  });
  over.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { left, top, area } = spot(event);
    const found = drag.isPan ? null : selected(drag, left, top, area);
    stop();
    if (found) on.zoom(found);
  });
  over.addEventListener("pointercancel", stop);
  over.addEventListener("pointerleave", (event) => !drag && !isFinger(event) && on.leave());
  over.addEventListener("dblclick", (event) => {
    event.preventDefault();
    on.reset();
  });
  over.addEventListener(
    "wheel",
    (event) => {
      const { left, area } = spot(event);
      const pixels = event.deltaMode === 1 ? 16 : 1;
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        on.scale(Math.exp((event.deltaY * pixels) / 300), left / area.width);
      } else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
        event.preventDefault();
        on.panStart();
        on.pan((-sideways * pixels) / area.width, 0);
        on.panEnd();
      }
    },
    { passive: false },
  );
}

/** One finger shows values, also after it has left; two zoom and pan. */
function listenToFingers(over, spot, on) {
  const fingers = new Map();
  const middle = () => {
    const all = [...fingers.values()];
    const mean = (side) => all.reduce((sum, finger) => sum + finger[side], 0) / all.length;
    const apart = all.length > 1 ? Math.hypot(all[0].left - all[1].left, all[0].top - all[1].top) : 1;
    return { left: mean("left"), apart: Math.max(1, apart) };
  };
  const take = (event) => {
    const { left, top, area } = spot(event);
    fingers.set(event.pointerId, { left, top });
    return { left, top, area };
  };
  over.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    over.setPointerCapture(event.pointerId);
    const { left, top } = take(event);
    if (fingers.size === 1) on.move(left, top);
    else on.leave();
  });
  over.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = middle();
    const { left, top, area } = take(event);
    if (fingers.size === 1) {
      on.move(left, top);
      return;
    }
    const now = middle();
    on.scale(before.apart / now.apart, now.left / area.width);
    on.panStart();
    on.pan((now.left - before.left) / area.width, 0);
    on.panEnd();
  });
  for (const end of ["pointerup", "pointercancel"])
    over.addEventListener(end, (event) => fingers.delete(event.pointerId));
}

/** What a drag selects; null if it is a click. */
function selected(drag, left, top, area) {
  const [wide, high] = [Math.abs(left - drag.left), Math.abs(top - drag.top)];
  if (wide < LEAST && high < LEAST) return null;
  const share = (pixel, length) => Math.min(1, Math.max(0, pixel / length));
  const withX = wide >= FLAT || wide >= high;
  const withY = high >= FLAT || high > wide;
  return {
    left: withX ? share(Math.min(left, drag.left), area.width) : null,
    right: withX ? share(Math.max(left, drag.left), area.width) : null,
    top: withY ? share(Math.min(top, drag.top), area.height) : null,
    bottom: withY ? share(Math.max(top, drag.top), area.height) : null,
  };
}

function place(box, found, area) {
  box.hidden = !found;
  if (!found) return;
  const { left, right, top, bottom } = found;
  box.style.left = `${(left ?? 0) * area.width}px`;
  box.style.width = `${((right ?? 1) - (left ?? 0)) * area.width}px`;
  box.style.top = `${(top ?? 0) * area.height}px`;
  box.style.height = `${((bottom ?? 1) - (top ?? 0)) * area.height}px`;
}
