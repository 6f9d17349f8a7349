/** Decodes what rlviz.dashboard.payload encodes. */

/** 4 bytes, little-endian: the length of a JSON header; the header; float64 arrays. */
export function decoded(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const found = JSON.parse(text);
  let offset = 4 + length;
  for (const [name, count] of found.arrays) {
    found[name] = new Float64Array(buffer, offset, count);
    offset += 8 * count;
  }
  return found;
}
