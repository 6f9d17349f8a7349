/** The server's answers (runs, series, forecasts) and the addresses of the downloads. */

/** A failed answer; its message is a sentence for the user. */
export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The listing of all runs. */
export async function fetchRuns(signal) {
  return (await get("runs", {}, signal)).json();
}

/**
 * A metric of a run: the header and the arrays of one answer, as in
 * `{version, total, …, x: Float64Array, y: …, curve_x: …}`.
 */
export async function fetchSeries(query, signal) {
  return decoded(await (await get("series", query, signal)).arrayBuffer());
}

/** What up to twice the compute would bring, or why nobody can say. */
export async function fetchForecast(run, signal) {
  return (await get("forecast", { run }, signal)).json();
}

/** The address of a route, for a link. An array repeats its parameter. */
export function route(name, query) {
  const found = new URL(name, import.meta.url);
  for (const [key, value] of Object.entries(query)) {
    if (value === null || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) found.searchParams.append(key, one);
  }
  return found.href;
}

async function get(name, query, signal) {
  let answer;
  try {
    answer = await fetch(route(name, query), { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("TensorBoard does not answer.", 0);
  }
  if (answer.ok) return answer;
  let sentence = `TensorBoard answered with the code ${answer.status}.`;
  try {
    sentence = (await answer.json()).error ?? sentence;
  } catch {
    // The answer is not one of rlviz's own.
  }
  throw new ServerError(sentence, answer.status);
}

/** 4 bytes, little-endian: the length of a JSON header; the header; float64 arrays. */
function decoded(buffer) {
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
