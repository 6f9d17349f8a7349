/** Draws dots into a bitmap, tens of thousands in a few milliseconds without a GPU.
 *
 * A canvas takes a few microseconds for each of its own circles. This module stamps each dot into
 * the pixels of an opaque picture of the panel: first the background and grid lines, then the dots.
 * Each dot blends with what lies below it; its edges are smoothed at a quarter of a pixel. */

import { channels } from "./palette.js";

const PARTS = 4; // stamp positions per pixel, in each direction
const EDGE = 0.5; // pixels: a dot this far outside counts as on the edge
const RED_BLUE = 0xff00ff;
const GREEN = 0x00ff00;

export class Bitmap {
  #image = null;
  #pixels = null;
  #stamps = new Map();

  /** An empty picture of one color, width × height device pixels. */
  clear(context, width, height, background) {
    if (this.#image?.width !== width || this.#image?.height !== height) {
      this.#image = context.createImageData(width, height);
      this.#pixels = new Uint32Array(this.#image.data.buffer);
      this.#stamps.clear();
    }
    this.#pixels.fill(packed(background));
  }

  /** Draw grid lines: rows and columns of pixels, within the rim. */
  lines(columns, rows, rim, thickness, color) {
    const { width, height } = this.#image;
    const ink = packed(color);
    for (const column of columns) {
      const first = Math.max(rim, Math.round(rim + column - thickness / 2));
      const last = Math.min(width - rim, first + thickness);
      for (let y = rim; y < height - rim; y += 1)
        this.#pixels.fill(ink, y * width + first, y * width + last);
    }
    for (const row of rows) {
      const first = Math.max(rim, Math.round(rim + row - thickness / 2));
      const last = Math.min(height - rim, first + thickness);
      for (let y = first; y < last; y += 1)
        this.#pixels.fill(ink, y * width + rim, (y + 1) * width - rim);
    }
  }

  /**
   * Stamp dots.
   * @param {Float64Array} place never decreasing; draws those from `begin` up to before `end`.
   * @param {Float64Array} y
   * @param {Object} frame {left, right, low, high}: the values at the edges of the plotting area.
   * @param {number} rim pixels of the picture around the plotting area, where dots that have their
   *     middle on its edge are whole.
   * @param {number} radius in pixels.
   * @param {string} color #rrggbb.
   * @param {number} opacity of one dot, 0..1.
   */
  dots(place, y, begin, end, frame, rim, radius, color, opacity) {
    const { width, height } = this.#image;
    const pixels = this.#pixels;
    const reach = Math.ceil(radius) + 1;
    const stamps = this.#stampsOf(radius, opacity, width);
    const [inner, tall] = [width - 2 * rim, height - 2 * rim];
    const across = inner / (frame.right - frame.left);
    const up = tall / (frame.high - frame.low);
    const ink = packed(color);
    for (let i = begin; i < end; i += 1) {
      const atX = (place[i] - frame.left) * across;
      const atY = (frame.high - y[i]) * up;
      if (!(atX >= -EDGE && atX <= inner + EDGE && atY >= -EDGE && atY <= tall + EDGE)) continue;
      const px = atX + rim;
      const py = atY + rim;
      const column = Math.floor(px);
      const row = Math.floor(py);
      const { shift, cover, dx, dy } =
        stamps[Math.floor((px - column) * PARTS) + PARTS * Math.floor((py - row) * PARTS)];
      const at = row * width + column;
      if (column >= reach && column < width - reach && row >= reach && row < height - reach) {
        for (let k = 0; k < shift.length; k += 1) {
          pixels[at + shift[k]] = blended(pixels[at + shift[k]], ink, cover[k]);
        }
      } else {
        for (let k = 0; k < shift.length; k += 1) {
          const [x, y_] = [column + dx[k], row + dy[k]];
          if (x < 0 || x >= width || y_ < 0 || y_ >= height) continue;
          pixels[at + shift[k]] = blended(pixels[at + shift[k]], ink, cover[k]);
        }
      }
    }
  }

  /** Put the picture onto a canvas, over its content. */
  put(context, left, top) {
    context.putImageData(this.#image, left, top);
  }

  /** For each position of a dot's center within its pixel: the pixels it covers, and how much. */
  #stampsOf(radius, opacity, width) {
    const key = `${radius} ${opacity}`;
    if (!this.#stamps.has(key)) {
      const made = [];
      for (let part = 0; part < PARTS * PARTS; part += 1) {
        const x = ((part % PARTS) + 0.5) / PARTS;
        const y = (Math.floor(part / PARTS) + 0.5) / PARTS;
        made.push(stamp(x, y, radius, opacity, width));
      }
      this.#stamps.set(key, made);
    }
    return this.#stamps.get(key);
  }
}

function stamp(x, y, radius, opacity, width) {
  const reach = Math.ceil(radius) + 1;
  const [shift, cover, dx, dy] = [[], [], [], []];
  for (let row = -reach; row <= reach; row += 1) {
    for (let column = -reach; column <= reach; column += 1) {
      const away = Math.hypot(column + 0.5 - x, row + 0.5 - y);
      const covered = Math.min(1, Math.max(0, radius + 0.5 - away)) * opacity;
      if (covered < 1 / 256) continue;
      shift.push(row * width + column);
      cover.push(Math.round(covered * 256));
      dx.push(column);
      dy.push(row);
    }
  }
  return { shift: Int32Array.from(shift), cover: Uint16Array.from(cover), dx, dy };
}

/** One color over another; cover is 0..256. It blends red and blue in one operation. */
function blended(below, above, cover) {
  const bare = 256 - cover;
  const rb = ((below & RED_BLUE) * bare + (above & RED_BLUE) * cover) >>> 8;
  const g = ((below & GREEN) * bare + (above & GREEN) * cover) >>> 8;
  return 0xff000000 | (rb & RED_BLUE) | (g & GREEN);
}

/** A pixel as it is in memory, little-endian: alpha, blue, green, red. */
function packed(hex) {
  const [red, green, blue] = channels(hex);
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}
