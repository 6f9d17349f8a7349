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
const opened = new Map();

/** What is in the file and what is not, in a sentence. */
export const account = given.account;

export async function fetchRuns() {
  return given.listing;
}

export async function fetchTold() {
  return given.told;
}

/** A metric of a run, as the server answers: of the whole run, with the dots that the file has. */
export async function fetchSeries({ run, metric, x, log = 0, smooth = "auto" }) {
  if (!opened.has(run)) opened.set(run, unpacked(packs.get(run)));
  const { series, arrays } = await opened.get(run);
  const found = series.find((one) => one.metric === metric && one.x === x && one.log === log);
  if (!found) throw new ServerError(lacking(metric, x, log, series), 404);
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
