// Where the boxes, frames and edges of the graph are. Every open block is laid out by itself, as a box of the block
// around it: what is folded costs nothing, and one more unfolded block leaves the layouts of the others as they are.
import dagre from "@dagrejs/dagre";
import { folds, leavesOf } from "./fold.js";

export const HEAD = 26;
const PAD = 14;
const SPACE = { rankdir: "TB", nodesep: 18, ranksep: 30, edgesep: 12 };
const MOST_BENDS = 600;
const BULGE = 26;
const GUTTER = 44;
const LANE = 9;
const MOST_LANES = 3;
const MAIN = 0.8;
const TALL = 3;
const SHRUNK = 1.25;
const MOST_COLUMNS = 8;

/**
 * Lay out what is open; a generator that pauses after each block, so that a page need not freeze.
 *
 * `measure` returns the size of a box, `cache` keeps the layouts of blocks, and what is longer than the `room` is put into
 * columns if there is place for them. Returns {boxes, frames, edges, width, height}.
 */
export function* arrange({ top, edges }, open, cache, measure, room) {
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
  const isMain = (frame) => frame === top || (frame.size > MAIN * top.size && isMain(frame.parent));
  for (const frame of [...frames].reverse()) {
    const inside = frame.children.map((child) => {
      const inner = done.get(child);
      return {
        id: child.id,
        open: Boolean(inner),
        size: inner ?? measure(child),
        order: child.first,
        ports: inner?.ports,
      };
    });
    const lines = [...wires.get(frame).values()];
    const own = { ...room, isMain: isMain(frame), width: room.width - 2 * PAD * frame.depth };
    const sign = JSON.stringify([inside.map(({ id, size }) => [id, size.width, size.height]), lines, own]);
    let kept = cache.get(frame.id);
    if (kept?.sign !== sign) {
      kept = { sign, laid: layOut(inside, lines, measure(frame).width, own) };
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
function layOut(inside, lines, least, room) {
  const named = new Map(inside.map((each) => [each.id, each]));
  const ends = lines.map(([key, from, to, source]) => ({
    key,
    source,
    from: from === "in" ? `in ${source}` : from,
    to: to === "out" ? `out ${source}` : to,
  }));
  let laid = bends(inside, ends) > MOST_BENDS ? inColumn(inside, ends) : inLayers(inside, ends);
  laid = inColumns(laid, ends, room, named);
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
  const boxes = new Map([
    ...named(graph, inside),
    ...named(
      graph,
      [...ports].map((id) => ({ id })),
    ),
  ]);
  const wires = new Map(
    ends.map(({ from, to, key }, at) => [key, graph.edge({ v: from, w: to, name: `${at}` }).points.slice(1, -1)]),
  );
  return { boxes, wires, ports };
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
  const rank = new Map([
    ...above.map((id) => [id, -1]),
    ...sorted.map(({ id }, at) => [id, at]),
    ...below.map((id) => [id, sorted.length]),
  ]);
  const wires = new Map(
    ends.map(({ from, to, key }) => {
      const span = Math.abs(rank.get(to) - rank.get(from));
      if (span <= 1) return [key, []];
      const [one, other] = [boxes.get(from), boxes.get(to)];
      const side = width + BULGE * Math.sqrt(span);
      return [
        key,
        [
          { x: side, y: one.y + one.height + 24 },
          { x: side, y: other.y - 24 },
        ],
      ];
    }),
  );
  return { boxes, wires, ports };
}

/** Cut a layout that is longer than the room into columns, where few lines are cut, as many as there is place for. */
function inColumns(laid, ends, room, named) {
  const all = [...laid.boxes.values()];
  const top = Math.min(...all.map((box) => box.y));
  const bottom = Math.max(...all.map((box) => box.y + box.height));
  const high = bottom - top;
  const into = (most) => {
    const cuts = cutsOf(laid.boxes, ends, top, bottom, most);
    return cuts.length ? columnsOf(laid, [top, ...cuts], bottom) : null;
  };
  for (let most = Math.min(Math.ceil(high / room.height), MOST_COLUMNS); room.isMain && most > 1; most--) {
    const columns = into(most);
    if (columns && columns.at(-1).end <= SHRUNK * room.width - 2 * PAD) {
      if (high / columns.length > TALL * room.height) break;
      return cut(laid, ends, columns, top, named);
    }
  }
  if (high <= TALL * room.height) return laid;
  const wide = Math.max(...all.map((box) => box.x + box.width)) - Math.min(...all.map((box) => box.x)) + GUTTER;
  const columns = into(Math.max(2, Math.round(Math.sqrt((high * room.width) / (wide * room.height)))));
  return columns ? cut(laid, ends, columns, top, named) : laid;
}

/** Return the columns between levels: from which height on, how long, how far its content moves, where it ends. */
function columnsOf({ boxes, wires }, levels, bottom) {
  const columns = levels.map((level, number) => ({
    level,
    length: (levels[number + 1] ?? bottom) - level,
    left: Infinity,
    right: -Infinity,
  }));
  const widen = (x, width, y) => {
    const column = columns[levels.findLastIndex((level) => y >= level)] ?? columns[0];
    column.left = Math.min(column.left, x);
    column.right = Math.max(column.right, x + width);
  };
  for (const { x, y, width } of boxes.values()) widen(x, width, y);
  for (const { x, y } of [...wires.values()].flat()) widen(x, 0, y);
  let from = 0;
  for (const column of columns) {
    column.shift = from - column.left;
    column.start = from;
    column.end = from + column.right - column.left;
    from = column.end + GUTTER;
  }
  return columns;
}

function cut({ boxes, wires, ports }, ends, columns, top, named) {
  const columnOf = (y) =>
    Math.max(
      0,
      columns.findLastIndex(({ level }) => y >= level),
    );
  const moved = ({ x, y }, number) => ({ x: x + columns[number].shift, y: y - columns[number].level + top });
  const placed = new Map([...boxes].map(([id, box]) => [id, { ...box, ...moved(box, columnOf(box.y)) }]));
  const lanes = new Map();
  const turned = new Set();
  const bent = ends.map(({ key, from, to, source }) => {
    const [start, end] = [columnOf(boxes.get(from).y), columnOf(boxes.get(to).y)];
    const points = wires.get(key);
    if (start >= end) return [key, points.map((point) => moved(point, start))];
    turned.add(key);
    if (!lanes.has(source)) lanes.set(source, (lanes.size % MOST_LANES) * LANE);
    const lane = lanes.get(source);
    const within = (number) => points.filter(({ y }) => columnOf(y) === number).map((point) => moved(point, number));
    const before = within(start).slice(0, -1);
    const after = within(end).slice(1);
    const exit = before.at(-1) ?? endAt(placed.get(from), named.get(from), `out ${source}`);
    const entry = after[0] ?? endAt(placed.get(to), named.get(to), `in ${source}`);
    const gutter = columns[end].start - GUTTER / 2 + lane - LANE;
    const low = top + columns[start].length - 4 + lane;
    const high = top - SPACE.ranksep / 2 - lane;
    return [
      key,
      [
        ...before,
        { x: exit.x, y: low },
        { x: gutter, y: low },
        { x: gutter, y: high },
        { x: entry.x, y: high },
        ...after,
      ],
    ];
  });
  return { boxes: placed, wires: new Map(bent), ports, turned };
}

/** Return where a wire ends at a box: at the port of an open block, else in the middle of its upper or lower border. */
function endAt(box, about, port) {
  const inner = about?.ports?.get(port);
  if (inner) return { x: box.x + inner.x, y: box.y + inner.y };
  return { x: box.x + box.width / 2, y: port.startsWith("in ") ? box.y : box.y + box.height };
}

/** Return the levels at which a layout is cut: between boxes, near equal lengths, where at most a few lines cross. */
function cutsOf(boxes, ends, top, bottom, most) {
  const rows = [...boxes.values()].sort((one, other) => one.y - other.y);
  const levels = [];
  let below = -Infinity;
  for (const { y, height } of rows) {
    if (y > below && below > -Infinity) levels.push((y + below) / 2);
    below = Math.max(below, y + height);
  }
  const crossing = (level) =>
    new Set(
      ends.filter(({ from, to }) => boxes.get(from).y < level && boxes.get(to).y > level).map(({ source }) => source),
    ).size;
  const free = levels.filter((level) => crossing(level) <= MOST_LANES - 1);
  const length = (bottom - top) / most;
  const cuts = [];
  for (let number = 1; number < most; number++) {
    const wanted = top + number * length;
    const best = free.reduce(
      (one, other) => (Math.abs(other - wanted) < Math.abs(one - wanted) ? other : one),
      Infinity,
    );
    if (Math.abs(best - wanted) < length / 2 && best > (cuts.at(-1) ?? top)) cuts.push(best);
  }
  return cuts;
}

/** Move a layout to its corner, give it its border, and let wires begin and end where boxes and ports are. */
function bounded({ boxes, wires, ports, turned }, named, ends, least) {
  const inner = [...boxes].filter(([id]) => !ports.has(id)).map(([, box]) => box);
  const bent = [...wires.values()].flat();
  const across = [...inner.flatMap((box) => [box.x, box.x + box.width]), ...bent.map(({ x }) => x)];
  const left = across.reduce((one, other) => Math.min(one, other), Infinity) - PAD;
  const right = across.reduce((one, other) => Math.max(one, other), -Infinity) + PAD;
  const heights = turned ? bent.map(({ y }) => y) : [];
  const top = Math.min(...inner.map((box) => box.y), ...heights) - HEAD - PAD / 2;
  const bottom = Math.max(...inner.map((box) => box.y + box.height), ...heights) + PAD;
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
    const inside = ({ y }) => turned?.has(key) || (y > HEAD / 2 && y < height - PAD / 2);
    const middle = wires.get(key).map(moved).filter(inside);
    const [start, end] = [from, to].map((id, isEnd) => {
      if (border.has(id)) return border.get(id);
      return endAt(at.get(id), named.get(id), `${isEnd ? "in" : "out"} ${source}`);
    });
    points.set(key, [start, ...middle, end]);
  }
  spread(points, ends, named, at);
  return { width, height, at, points, ports: border, turned };
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
    let turns = false;
    for (const [frame, wire] of route) {
      const { x, y } = corner.get(frame);
      turns ||= done.get(frame).turned?.has(wire) ?? false;
      const line = done
        .get(frame)
        .points.get(wire)
        .map((point) => ({ x: point.x + x, y: point.y + y }));
      points.push(...line.slice(points.length ? 1 : 0));
    }
    return { key, source, target, tensors: [...tensors], points, turns };
  });
  const { width, height } = done.get(top);
  return { boxes, frames, edges, width, height: height - HEAD };
}
