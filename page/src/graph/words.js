// The words in and about the boxes of the graph, and how wide they are.
import { brief, exact, shape, shareOf } from "../format.js";
import { folds, leavesOf } from "./fold.js";

export const BOLD = "600 13px system-ui, sans-serif";
const PLAIN = "12px system-ui, sans-serif";
const HIGH = 46;
const LONGEST = 230;
const RESERVED = 110;
const widths = new Map();
let context = null;

export function widthOf(text, font) {
  const key = `${font}${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    context ??= document.createElement("canvas").getContext("2d");
    context.font = font;
    width = context.measureText(text).width * 1.04;
    widths.set(key, width);
  }
  return width;
}

/** Return a text that is not wider than so many pixels; its end is kept, where names differ. */
export function cut(text, most, font) {
  if (text.length < 200 && widthOf(text, font) <= most) return text;
  let [low, high] = [1, Math.min(text.length, 200)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(`…${text.slice(-middle)}`, font) <= most) low = middle;
    else high = middle - 1;
  }
  return `…${text.slice(-low)}`;
}

export function linesOf(node) {
  const name = cut(node.name, LONGEST, BOLD);
  const type = node.kind === "layer" ? node.node.row.type : folds(node) && node.size ? sizeOf(node) : "";
  return { name, type, shape: node.shape ? cut(shape(node.shape), LONGEST, PLAIN) : "" };
}

export function sizeOf(node) {
  return node.size === 1 ? "1 layer" : node.size ? `${node.size} layers` : "";
}

export function measure(node) {
  if (!node.parent) return { width: 0, height: 0 };
  const { name, type, shape: sizes } = linesOf(node);
  const first = widthOf(`▸ ${name}`, BOLD) + (type ? widthOf(` ${type}`, PLAIN) : 0);
  const second = widthOf(sizes, PLAIN) + (node.node || node.kind === "group" ? RESERVED : 0);
  const isPill = node.kind === "input" || node.kind === "output";
  return { width: Math.ceil(Math.max(90, first, second) + (isPill ? 28 : 20)), height: HIGH };
}

export function nameOf(node) {
  return node.path || node.name;
}

/** Return what a box says: its value, its share, what a screen reader tells, and whether a search finds it. */
export function teller({ metric, about, total, most, found, links }) {
  return (node) => {
    const value = node.values[metric] ?? null;
    const isKnown = value !== null;
    const share = shareOf(value, total, about);
    const hits = found && node.size ? leavesOf(node).filter((leaf) => leaf.node && found(leaf.node)).length : 0;
    const cost = isKnown ? `${exact(value)} ${about.title}${share && `, ${share}`}` : "";
    const type =
      node.kind === "layer" ? node.node.row.type : node.kind === "input" || node.kind === "output" ? "" : sizeOf(node);
    const said = [
      node.kind === "output" || node.kind === "input"
        ? `${node.kind} ${node.name === node.kind ? "" : node.name}`.trim()
        : nameOf(node),
      type,
    ];
    const output = node.shape ? `output ${shape(node.shape)}` : "";
    const reads = listed("reads", links.before(node));
    const readBy = listed("read by", links.after(node));
    return {
      value: isKnown ? `${brief(value, about.unit)}${share && ` · ${share}`}` : "",
      share: isKnown && most ? Math.min(1, Number(value) / most) : 0,
      state: !found || !node.size ? "" : hits ? " hit" : " miss",
      hits: hits && folds(node) ? `${hits} found` : "",
      text: [...said, output, cost, reads, readBy].filter(Boolean).join("; "),
      title: [said.filter(Boolean).join(" "), output, cost].filter(Boolean).join("\n"),
    };
  };
}

function listed(word, nodes) {
  if (!nodes.length) return "";
  return `${word} ${nodes.slice(0, 5).map(nameOf).join(", ")}${nodes.length > 5 ? ` and ${nodes.length - 5} more` : ""}`;
}
