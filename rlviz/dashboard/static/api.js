/** The server's answers (runs, series, forecasts) and the addresses of the downloads. */

import { decoded } from "./payload.js";

/** What only a page with a server can do, and whether it has an address to copy. */
export const HAS = Object.freeze({ server: true, link: true });

/** The ways to group runs that the page has, null for any, and the one that it opens with. */
export const WAYS = null;
export const OPENS_BY = "";

/** A failed answer; its message is a sentence for the user. */
export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The listing of all runs. */
export async function fetchRuns(signal) {
  const answer = await get("runs", {}, signal);
  const date = Date.parse(answer.headers.get("Date") ?? "");
  return { now: (date || Date.now()) / 1000, ...(await answer.json()) };
}

/** What the script of each run said: its settings, and whether it is done. */
export async function fetchTold() {
  return (await get("told", {})).json();
}

/** The curve of some runs' mean with its band, as in `{seeds, domain, …, curve_x, curve, …}`. */
export async function fetchCurve({ runs, metric, x, log }, signal) {
  const answer = await get("curve", { run: runs, metric, x, log }, signal);
  const found = decoded(await answer.arrayBuffer());
  if (found.error) throw new ServerError(found.error, found.status);
  return found;
}

/**
 * How units compare with one of them.
 * @param {Object} asked {units: of {name, runs: names}, reference: a name, metric}.
 */
export async function fetchComparison({ units, reference, metric }, signal) {
  const query = {
    group: units.map(({ name }) => name),
    count: units.map(({ runs }) => runs.length),
    run: units.flatMap(({ runs }) => runs),
    reference,
    metric,
  };
  return (await get("comparison", query, signal)).json();
}

/**
 * A metric of several runs at once: for each of `query.run` the header and the arrays of its answer,
 * as in `{version, total, …, x: Float64Array, y: …, curve_x: …}`, or a ServerError.
 */
export async function fetchSeveral(query, signal) {
  const buffer = await (await get("series", query, signal)).arrayBuffer();
  if (query.run.length === 1) return [decoded(buffer)];
  const { sizes, end } = decoded(buffer);
  let begin = end;
  return sizes.map((size) => {
    const found = decoded(buffer, begin);
    begin += size;
    return found.error ? new ServerError(found.error, found.status) : found;
  });
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
    throw new ServerError("The server does not answer.", 0);
  }
  if (answer.ok) return answer;
  let sentence = `The server answered with the code ${answer.status}.`;
  try {
    sentence = (await answer.json()).error ?? sentence;
  } catch {
    // The answer is not one of rlviz's own.
  }
  throw new ServerError(sentence, answer.status);
}
