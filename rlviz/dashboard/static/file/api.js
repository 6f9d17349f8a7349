/** The answers of a page that is a file: they stand in it, and there is no server to ask. */

import { decoded } from "./payload.js";

/** What a page without a server can't do. */
export const HAS = Object.freeze({
  server: false,
  link: window.location.protocol !== "about:", // the frame of a notebook has no address
});

/** A failed answer; its message is a sentence for the user. */
export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const given = JSON.parse(document.getElementById("rlviz-data").textContent);
const packs = new Map(given.listing.runs.map(({ name }, i) => [name, given.packs[i]]));
const groups = new Map(given.groups.map(({ runs, pack }) => [keyOf(runs), pack]));
const opened = new Map();

function keyOf(runs) {
  return JSON.stringify([...runs].sort());
}

/** The ways to group runs that the file offers, and the one that it opens with. */
export const WAYS = given.ways;
export const OPENS_BY = given.ways.includes(given.by) ? given.by : "";

/** What is in the file and what is not, in a sentence. */
export const account = given.account;

export async function fetchRuns() {
  return given.listing;
}

export async function fetchTold() {
  return given.told;
}

/** The curve of some runs' mean, which is in the file for the groups that it offers. */
export async function fetchCurve({ runs, metric, x, log }) {
  if (runs.length === 1) {
    const found = await fetchSeries({ run: runs[0], metric, x, log });
    return { ...found, seeds: 1 };
  }
  const key = keyOf(runs);
  if (!groups.has(key)) throw new ServerError("The mean of these runs is not in the file.", 404);
  if (!opened.has(key)) opened.set(key, unpacked(groups.get(key)));
  return taken((await opened.get(key)).series, (await opened.get(key)).arrays, { metric, x, log });
}

/** How units compare with one of them, which is in the file for the groups that it offers. */
export async function fetchComparison({ units, reference, metric }) {
  const wanted = units.map(({ runs }) => keyOf(runs));
  for (const found of given.comparisons) {
    const keys = found.runs.map(keyOf);
    const isIt = keys.length === wanted.length && wanted.every((key) => keys.includes(key));
    if (!isIt || found.metric !== metric) continue;
    const nameOf = new Map(keys.map((key, i) => [found.names[i], units[wanted.indexOf(key)].name]));
    const renamed = (values) =>
      Object.fromEntries(Object.entries(values).map(([name, one]) => [nameOf.get(name), one]));
    return {
      ...found,
      flops: renamed(found.flops),
      left_out: renamed(found.left_out),
      multipliers: Object.fromEntries(
        Object.entries(found.multipliers).map(([name, one]) => [nameOf.get(name), renamed(one)]),
      ),
    };
  }
  throw new ServerError("How these compare is not in the file.", 404);
}

/** A metric of a run, as the server answers: of the whole run, with the dots that the file has. */
export async function fetchSeries({ run, metric, x, log = 0, smooth = "auto" }) {
  if (!opened.has(run)) opened.set(run, unpacked(packs.get(run)));
  const { series, arrays } = await opened.get(run);
  return taken(series, arrays, { metric, x, log, smooth });
}

function taken(series, arrays, { metric, x, log, smooth = "auto" }) {
  const found = series.find((one) => one.metric === metric && one.x === x && one.log === log);
  if (!found) throw new ServerError(lacking(metric, x, log, series), 404);
  if (found.header.error) throw new ServerError(found.header.error, found.header.status);
  const made = { ...found.header };
  for (const [name, place] of found.arrays) {
    if (smooth !== "none" || !name.startsWith("curve")) made[name] = arrays[place];
  }
  return made;
}

/** The same of several runs; an error in place of what is not in the file. */
export async function fetchSeveral(query) {
  return Promise.all(query.run.map((run) => fetchSeries({ ...query, run }).catch((error) => error)));
}

export async function fetchForecast() {
  throw new ServerError("This file has no forecast.", 404);
}

export function route() {
  throw new ServerError("This file has no server.", 404);
}

function lacking(metric, x, log, series) {
  const others = series.filter((one) => one.metric === metric);
  const here = others.map((one) => `${one.x}${one.log ? ", logarithmic" : ""}`);
  const wanted = `${x}${log ? ", logarithmic" : ""}`;
  if (!here.length) return "This metric is not in the file.";
  return `Not in this file over ${wanted}; it is over: ${here.join("; ")}.`;
}

/** The series of a run, and the arrays that they share. */
async function unpacked(text) {
  const bytes = Uint8Array.from(window.atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const found = decoded(planesJoined(buffer));
  return { series: found.series, arrays: found.arrays.map(([name]) => found[name]) };
}

/** The numbers, which stand in the file byte by byte: all first bytes, then all second ones … */
function planesJoined(buffer) {
  const begin = 4 + new DataView(buffer).getUint32(0, true);
  const planes = new Uint8Array(buffer.slice(begin));
  const whole = new Uint8Array(buffer, begin);
  const count = planes.length / 8;
  for (let plane = 0; plane < 8; plane += 1) {
    for (let i = 0, from = plane * count; i < count; i += 1) whole[8 * i + plane] = planes[from + i];
  }
  return buffer;
}
