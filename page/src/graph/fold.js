// What the graph can fold: blocks as they are, and long lists of layers in groups.
import { combined, layersIn } from "../data.js";

const MOST = 50;
const STEPS = [10, 20, 50];
const READABLE = 40;
const MOST_PILLS = 8;

/** The most nodes that "unfold one level" draws. */
export const MOST_DRAWN = 1500;

/** Return the tree of what can fold, the leaf of every position, inputs included, and the edges between leaves. */
export function foldTree(root, graph, metrics) {
  const top = made("b:", "", root.name, null, null, root);
  const leaves = new Map();
  const convert = (parent) => (node) => {
    if (node.row) {
      const leaf = made(`l:${node.index}`, node.path, label(node), "layer", parent, node);
      leaves.set(node.index + 1, leaf);
      return leaf;
    }
    const block = made(`b:${node.path}`, node.path, label(node), "block", parent, node);
    block.children = grouped(block, node.children.map(convert(block)), metrics);
    return block;
  };
  const inner = grouped(top, root.children.map(convert(top)), metrics);
  const inputs = graph.inputs.map((each, index) => {
    const leaf = pill(`i:${index}`, each.name, "input", top, each.shape);
    leaves.set(-index - 1, leaf);
    return leaf;
  });
  const read = new Set(graph.edges.map(([from]) => from));
  const edges = graph.edges.map(([from, to]) => ({ from: leaves.get(from), to: leaves.get(to) }));
  const outputs = [...leaves]
    .filter(([position]) => position > 0 && !read.has(position))
    .map(([position, leaf]) => {
      const output = pill(`o:${position}`, "output", "output", top, leaf.shape);
      edges.push({ from: leaf, to: output });
      return output;
    });
  top.children = [...bundle(top, inputs, "inputs"), ...inner, ...bundle(top, outputs, "outputs")];
  number(top, 0);
  return { top, leaves, edges };
}

function made(id, path, name, kind, parent, node) {
  return {
    id,
    path,
    name,
    kind,
    parent,
    node,
    children: [],
    depth: 0,
    size: layersIn(node),
    values: node.values,
    first: node.first,
    last: node.last,
    shape: shapeOf(node),
  };
}

function pill(id, name, kind, parent, shape) {
  const place = kind === "input" ? -1 : Infinity;
  return {
    id,
    path: "",
    name,
    kind,
    parent,
    node: null,
    children: [],
    depth: 0,
    size: 0,
    values: {},
    first: place,
    last: place,
    shape,
  };
}

function shapeOf(node) {
  return node.row ? node.row.output : node.children.length ? shapeOf(node.children.at(-1)) : null;
}

/** Return the name of a layer or block as it stands in its frame; a bare number keeps the name before it. */
function label(node) {
  return /^\d+$/.test(node.name) ? node.path.split(".").slice(-2).join(".") : node.name;
}

/** Return children in groups of consecutive ones, and these in groups, until no list is long. */
function grouped(parent, children, metrics) {
  if (children.length <= MOST) return children;
  const step = stepFor(children.length);
  const groups = [];
  for (let start = 0; start < children.length; start += step) {
    const inside = children.slice(start, start + step);
    const [first, last] = [inside[0], inside.at(-1)];
    const flat = inside.every((each) => each.kind === "layer");
    const name = flat ? `layers ${first.first + 1}–${last.last + 1}` : `${first.name} – ${last.name}`;
    const group = {
      id: `g:${parent.id}:${first.id}:${step}`,
      path: "",
      name,
      kind: "group",
      parent,
      node: null,
      depth: 0,
      size: inside.reduce((sum, each) => sum + each.size, 0),
      values: combined(inside, metrics),
      first: Math.min(...inside.map((each) => each.first)),
      last: Math.max(...inside.map((each) => each.last)),
      shape: last.shape,
    };
    for (const each of inside) each.parent = group;
    group.children = grouped(group, inside, metrics);
    groups.push(group);
  }
  return groups;
}

function stepFor(count) {
  for (let scale = 1; ; scale *= 10) for (const step of STEPS) if (count / (step * scale) <= MOST) return step * scale;
}

function bundle(top, pills, name) {
  if (pills.length <= MOST_PILLS) return pills;
  const group = { ...pill(`g:${name}`, `${pills.length} ${name}`, "group", top, null), children: pills };
  for (const each of pills) each.parent = group;
  return [group];
}

function number(node, depth) {
  node.depth = depth;
  for (const child of node.children) number(child, depth + 1);
}

/** Tell whether a node can unfold. */
export function folds(node) {
  return node.children.length > 0;
}

/** Return the nodes that are drawn as boxes if some are open. */
export function drawnIn(node, open) {
  return node.children.flatMap((each) => (folds(each) && open.has(each.id) ? drawnIn(each, open) : [each]));
}

/** Return what is open at the start: whole levels, then single blocks, while it stays readable. */
export function openAtStart(top) {
  const open = new Set();
  let drawn = drawnIn(top, open);
  for (let level = drawn.filter(folds); level.length; level = drawn.filter(folds)) {
    const more = level.reduce((sum, each) => sum + each.children.length - 1, 0);
    if (drawn.length + more > READABLE) break;
    for (const each of level) open.add(each.id);
    drawn = drawnIn(top, open);
  }
  for (let level = drawn.filter(folds); level.length && drawn.length < READABLE / 4; level = drawn.filter(folds)) {
    const fitting = level.filter((each) => drawn.length + each.children.length <= READABLE);
    if (!fitting.length) break;
    open.add(fitting[0].id);
    drawn = drawnIn(top, open);
  }
  return open;
}

/** Return what stays open in another tree: all of it if it is the same network, else what is open at the start. */
export function openStill(top, open) {
  const known = new Set();
  const visit = (node) => {
    known.add(node.id);
    node.children.forEach(visit);
  };
  visit(top);
  return [...open].every((id) => known.has(id)) ? open : openAtStart(top);
}

/** Return what is open one level further, in order until too many nodes would be drawn. */
export function openFurther(top, open) {
  const further = new Set(open);
  const drawn = drawnIn(top, open);
  let count = drawn.length;
  for (const each of drawn.filter(folds)) {
    if (count + each.children.length - 1 > MOST_DRAWN) continue;
    count += each.children.length - 1;
    further.add(each.id);
  }
  return further;
}

/** Return what is open after the innermost frames were folded. */
export function openLess(top, open) {
  const isInnermost = (node) => node.children.every((each) => !folds(each) || !open.has(each.id));
  const less = new Set(open);
  const visit = (node) => {
    for (const each of node.children) {
      if (!folds(each) || !open.has(each.id)) continue;
      if (isInnermost(each)) less.delete(each.id);
      else visit(each);
    }
  };
  visit(top);
  return less;
}

/** Return what is open when a node is to be seen. */
export function openFor(node, open) {
  const more = new Set(open);
  for (let each = node.parent; each?.parent; each = each.parent) more.add(each.id);
  return more;
}

/** Return the box or frame in which a node is seen. */
export function seenAs(node, open) {
  let seen = node;
  for (let each = node.parent; each?.parent; each = each.parent) if (!open.has(each.id)) seen = each;
  return seen;
}

/** Return all leaves under a node. */
export function leavesOf(node) {
  return folds(node) ? node.children.flatMap(leavesOf) : [node];
}
