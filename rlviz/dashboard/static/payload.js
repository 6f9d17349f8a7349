/** Decodes what rlviz.dashboard.payload encodes. */

/** 4 bytes, little-endian: the length of a JSON header; the header; float64 arrays. `begin`: where
 * it begins, a multiple of 8. */
export function decoded(buffer, begin = 0) {
  const length = new DataView(buffer).getUint32(begin, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, begin + 4, length));
  const found = JSON.parse(text);
  let offset = begin + 4 + length;
  for (const [name, count] of found.arrays) {
    found[name] = new Float64Array(buffer, offset, count);
    offset += 8 * count;
  }
  found.end = offset;
  return found;
}
