// Where the boxes, frames and edges of the graph are. Every open block is laid out by itself, as a box of the block
// around it: what is folded costs nothing, and one more unfolded block leaves the layouts of the others as they are.
import dagre from "@dagrejs/dagre";
import { folds, leavesOf } from "./fold.js";

export const HEAD = 26;
const PAD = 14;
const SPACE = { rankdir: "TB", nodesep: 18, ranksep: 30, edgesep: 12 };
const MOST_BENDS = 600;
const BULGE = 26;

/**
 * Lay out what is open; a generator that pauses after each block, so that a page need not freeze.
 *
 * `measure` returns the size of a box, `cache` keeps the layouts of blocks. Returns {boxes, frames, edges, width, height}.
 */
export function* arrange({ top, edges }, open, cache, measure) {
  const isOpen = (node) => node === top || (folds(node) && open.has(node.id));
  const seen = new Map();
  const frames = [];
  const visit = (frame) => {
    frames.push(frame);
    for (const child of frame.children) {
      if (isOpen(child)) visit(child);
      else for (const leaf of leavesOf(child)) seen.set(leaf, child);
    }
  };
  visit(top);
  const drawn = between(edges, seen);
  const wires = new Map(frames.map((frame) => [frame, new Map()]));
  for (const edge of drawn) edge.route = routed(edge, wires);
  const done = new Map();
  for (const frame of [...frames].reverse()) {
    const inside = frame.children.map((child) => {
      const inner = done.get(child);
      return { id: child.id, open: Boolean(inner), size: inner ?? measure(child), order: child.first, ports: inner?.ports };
    });
    const lines = [...wires.get(frame).values()];
    const sign = JSON.stringify([inside.map(({ id, size }) => [id, size.width, size.height]), lines]);
    let kept = cache.get(frame.id);
    if (kept?.sign !== sign) {
      kept = { sign, laid: layOut(inside, lines, frame === top ? 0 : measure(frame).width) };
      cache.set(frame.id, kept);
      yield;
    }
    done.set(frame, kept.laid);
  }
  return placed(top, done, drawn, isOpen);
}

/** Return the edges between what is drawn, each pair once. */
function between(edges, seen) {
  const found = new Map();
  for (const { from, to } of edges) {
    const [source, target] = [seen.get(from), seen.get(to)];
    if (source === target) continue;
    const key = `${source.id}\u0000${target.id}`;
    if (!found.has(key)) found.set(key, { key, source, target, tensors: new Set() });
    found.get(key).tensors.add(from);
  }
  return [...found.values()];
}

/** Return the pieces of an edge, from its source out of blocks and into those of its target; each is a wire of a block. */
function routed({ source, target }, wires) {
  const up = [source];
  const down = [target];
  while (up.at(-1).depth > down.at(-1).depth) up.push(up.at(-1).parent);
  while (down.at(-1).depth > up.at(-1).depth) down.push(down.at(-1).parent);
  while (up.at(-1).parent !== down.at(-1).parent) {
    up.push(up.at(-1).parent);
    down.push(down.at(-1).parent);
  }
  const pieces = [];
  const wire = (frame, from, to) => {
    const key = `${from}\u0000${to}\u0000${source.id}`;
    wires.get(frame).set(key, [key, from, to, source.id]);
    pieces.push([frame, key]);
  };
  for (let at = 0; at + 1 < up.length; at++) wire(up[at + 1], up[at].id, "out");
  wire(up.at(-1).parent, up.at(-1).id, down.at(-1).id);
  for (let at = down.length - 1; at > 0; at--) wire(down[at], "in", down[at - 1].id);
  return pieces;
}

/** Lay out the boxes of one block: their corners, the points of its wires, and the ports on its border. */
function layOut(inside, lines, least) {
  const named = new Map(inside.map((each) => [each.id, each]));
  const ends = lines.map(([key, from, to, source]) => ({
    key,
    source,
    from: from === "in" ? `in ${source}` : from,
    to: to === "out" ? `out ${source}` : to,
  }));
  const laid = bends(inside, ends) > MOST_BENDS ? inColumn(inside, ends) : inLayers(inside, ends);
  return bounded(laid, named, ends, least);
}

/** Return about how many bends a layered layout has: it takes time with them, and nobody could follow so many lines. */
function bends(inside, ends) {
  const rank = new Map();
  const into = new Map(inside.map(({ id }) => [id, []]));
  for (const { from, to } of ends) into.get(to)?.push(from);
  for (const { id } of [...inside].sort((one, other) => one.order - other.order))
    rank.set(id, Math.max(0, ...into.get(id).map((from) => (rank.get(from) ?? 0) + 1)));
  const last = Math.max(0, ...rank.values()) + 1;
  return ends.reduce((sum, { from, to }) => sum + Math.abs((rank.get(to) ?? last) - (rank.get(from) ?? 0)), 0);
}

function inLayers(inside, ends) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ ...SPACE });
  for (const { id, size } of inside) graph.setNode(id, { width: size.width, height: size.height });
  const ports = new Set(ends.flatMap(({ from, to }) => [from, to]).filter((id) => !graph.hasNode(id)));
  for (const id of ports) graph.setNode(id, { width: 6, height: 0 });
  ends.forEach(({ from, to }, at) => graph.setEdge(from, to, { weight: 1 }, `${at}`));
  if (ports.size) pinned(graph, ports);
  dagre.layout(graph);
  const boxes = new Map([...named(graph, inside), ...named(graph, [...ports].map((id) => ({ id })))]);
  const wires = new Map(
    ends.map(({ from, to, key }, at) => [key, graph.edge({ v: from, w: to, name: `${at}` }).points.slice(1, -1)]),
  );
  return { boxes, wires, ports, sides: false };
}

function named(graph, all) {
  return all.map(({ id }) => {
    const { x, y, width, height } = graph.node(id);
    return [id, { x: x - width / 2, y: y - height / 2, width, height }];
  });
}

/** Hold the ports above and below all boxes; one port that everything comes from, or goes to, is there anyway. */
function pinned(graph, ports) {
  const hold = (word, among, edge) => {
    const held = [...ports].filter((id) => id.startsWith(word));
    if (!held.length || (held.length === 1 && among.length === 1)) return;
    graph.setNode(` ${word}`, { width: 1, height: 0 });
    for (const id of among) edge(` ${word}`, id, ports.has(id) ? { weight: 50 } : { weight: 0, minlen: 2 });
  };
  hold("in ", graph.sources(), (pin, id, about) => graph.setEdge(pin, id, about, "pin"));
  const last = graph.sinks().filter((id) => id !== " in ");
  hold("out ", last, (pin, id, about) => graph.setEdge(id, pin, about, "pin"));
}

/** Put the boxes below each other, and long lines beside them. */
function inColumn(inside, ends) {
  const boxes = new Map();
  const sorted = [...inside].sort((one, other) => one.order - other.order);
  const width = Math.max(...sorted.map(({ size }) => size.width));
  let y = 0;
  for (const { id, size } of sorted) {
    boxes.set(id, { x: (width - size.width) / 2, y, width: size.width, height: size.height });
    y += size.height + SPACE.ranksep;
  }
  const ports = new Set(ends.flatMap(({ from, to }) => [from, to]).filter((id) => !boxes.has(id)));
  const [above, below] = ["in ", "out "].map((word) => [...ports].filter((id) => id.startsWith(word)));
  const spread = (ids, level) =>
    ids.forEach((id, at) => boxes.set(id, { x: (width * (at + 1)) / (ids.length + 1), y: level, width: 0, height: 0 }));
  spread(above, -SPACE.ranksep);
  spread(below, y);
  const rank = new Map([...above.map((id) => [id, -1]), ...sorted.map(({ id }, at) => [id, at]), ...below.map((id) => [id, sorted.length])]);
  const wires = new Map(
    ends.map(({ from, to, key }) => {
      const span = Math.abs(rank.get(to) - rank.get(from));
      if (span <= 1) return [key, []];
      const [one, other] = [boxes.get(from), boxes.get(to)];
      const side = width + BULGE * Math.sqrt(span);
      return [key, [{ x: side, y: one.y + one.height + 24 }, { x: side, y: other.y - 24 }]];
    }),
  );
  return { boxes, wires, ports };
}

/** Move a layout to its corner, give it its border, and let wires begin and end where boxes and ports are. */
function bounded({ boxes, wires, ports }, named, ends, least) {
  const inner = [...boxes].filter(([id]) => !ports.has(id)).map(([, box]) => box);
  const bent = [...wires.values()].flat();
  const across = [...inner.flatMap((box) => [box.x, box.x + box.width]), ...bent.map(({ x }) => x)];
  const left = across.reduce((one, other) => Math.min(one, other), Infinity) - PAD;
  const right = across.reduce((one, other) => Math.max(one, other), -Infinity) + PAD;
  const top = Math.min(...inner.map((box) => box.y)) - HEAD - PAD / 2;
  const bottom = Math.max(...inner.map((box) => box.y + box.height)) + PAD;
  const width = Math.max(right - left, least);
  const shift = { x: (width - (right - left)) / 2 - left, y: -top };
  const moved = ({ x, y }) => ({ x: x + shift.x, y: y + shift.y });
  const at = new Map([...boxes].map(([id, box]) => [id, { ...box, ...moved(box) }]));
  const height = bottom - top;
  const border = new Map();
  for (const id of ports) {
    const { x, width: wide } = at.get(id);
    const inX = Math.min(Math.max(x + wide / 2, PAD), width - PAD);
    border.set(id, { x: inX, y: id.startsWith("in ") ? 0 : height });
  }
  const points = new Map();
  for (const { key, from, to, source } of ends) {
    const middle = wires.get(key).map(moved).filter(({ y }) => y > HEAD / 2 && y < height - PAD / 2);
    const [start, end] = [from, to].map((id, isEnd) => {
      if (border.has(id)) return border.get(id);
      const box = at.get(id);
      const port = named.get(id).ports?.get(`${isEnd ? "in" : "out"} ${source}`);
      if (port) return { x: box.x + port.x, y: box.y + port.y };
      return { x: box.x + box.width / 2, y: isEnd ? box.y : box.y + box.height };
    });
    points.set(key, [start, ...middle, end]);
  }
  spread(points, ends, named, at);
  return { width, height, at, points, ports: border };
}

/** Let the wires that end at one box end beside each other, in the order in which they come. */
function spread(points, ends, named, at) {
  const into = new Map();
  for (const end of ends)
    if (named.has(end.to) && !named.get(end.to).open) into.set(end.to, [...(into.get(end.to) ?? []), end]);
  for (const [id, all] of into) {
    if (all.length < 2) continue;
    const gap = Math.min(16, (at.get(id).width * 0.8) / all.length);
    all.sort((one, other) => points.get(one.key).at(-2).x - points.get(other.key).at(-2).x);
    all.forEach(({ key }, number) => {
      const line = points.get(key);
      const end = line.at(-1);
      line[line.length - 1] = { x: end.x + (number - (all.length - 1) / 2) * gap, y: end.y };
    });
  }
}

/** Return everything at its place in the whole drawing. */
function placed(top, done, drawn, isOpen) {
  const boxes = [];
  const frames = [];
  const corner = new Map();
  const visit = (frame, x, y) => {
    corner.set(frame, { x, y });
    const { at, width, height } = done.get(frame);
    if (frame !== top) frames.push({ node: frame, x, y, width, height });
    for (const child of frame.children) {
      const box = at.get(child.id);
      if (isOpen(child)) visit(child, x + box.x, y + box.y);
      else boxes.push({ node: child, x: x + box.x, y: y + box.y, width: box.width, height: box.height });
    }
  };
  visit(top, 0, -HEAD);
  const edges = drawn.map(({ key, source, target, tensors, route }) => {
    const points = [];
    for (const [frame, wire] of route) {
      const { x, y } = corner.get(frame);
      const line = done.get(frame).points.get(wire).map((point) => ({ x: point.x + x, y: point.y + y }));
      points.push(...line.slice(points.length ? 1 : 0));
    }
    return { key, source, target, tensors: [...tensors], points };
  });
  const { width, height } = done.get(top);
  return { boxes, frames, edges, width, height: height - HEAD };
}
