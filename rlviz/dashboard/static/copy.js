/** The button that copies a link to the view. */

import { address } from "./address.js";
import { element, icon, setText } from "./elements.js";

const SAID = 1500;

/** @param {Function} say announces the result to users of a screen reader. */
export function copyButton(say) {
  const word = element("span", { class: "word" }, "Link");
  const title = "Copy a link to this view";
  const button = element(
    "button",
    { type: "button", class: "text-button", title },
    icon("link"),
    word,
  );
  button.addEventListener("click", async () => {
    const isCopied = await copied(address());
    setText(word, isCopied ? "Copied" : "In the address bar");
    say(isCopied ? "Link copied" : "The link is in the address bar");
    window.setTimeout(() => setText(word, "Link"), SAID);
  });
  return button;
}

/** Copy a text; through a selection if the page may not use the clipboard. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", { class: "hidden-words", "aria-hidden": "true" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
