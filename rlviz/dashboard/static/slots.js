/** Which color each of some things has: it keeps its own while it is there. */

export class Slots {
  #slots = new Map();

  /** The number of a thing's color, from 0. */
  get(name) {
    return this.#slots.get(name);
  }

  clear() {
    this.#slots.clear();
  }

  /** Give each new thing the first free color; those that are gone leave theirs. */
  assign(names) {
    const here = new Set(names);
    for (const name of this.#slots.keys()) if (!here.has(name)) this.#slots.delete(name);
    const taken = new Set(this.#slots.values());
    let slot = 0;
    for (const name of here) {
      if (this.#slots.has(name)) continue;
      while (taken.has(slot)) slot += 1;
      this.#slots.set(name, slot);
      taken.add(slot);
    }
  }
}
