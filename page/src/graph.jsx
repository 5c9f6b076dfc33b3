// The graph of a network: blocks fold and unfold, boxes have the shape and the cost, edges say who reads whom.
import { select } from "d3-selection";
import { curveMonotoneY, line } from "d3-shape";
import { zoom as zooming, zoomIdentity } from "d3-zoom";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { matcher } from "./data.js";
import {
  drawnIn,
  folds,
  foldTree,
  leavesOf,
  openAtStart,
  openFor,
  openFurther,
  openLess,
  openStill,
  seenAs,
} from "./fold.js";
import { brief, exact, percent, shape } from "./format.js";
import { arrange, HEAD } from "./layout.js";

const SLICE = 40;
const FAR = 0.33;
const MOST_UNCLIPPED = 300;
const FARTHEST = 500;
const ROUND = 8;
const COARSE = 80;
const PRINTED = { width: 690, height: 940, least: 0.6 };
const drawLine = line((point) => point.x, (point) => point.y).curve(curveMonotoneY);

/** Draw the layers and blocks of a network, and who reads whom. */
export function Graph(props) {
  const { root, network, metrics } = props;
  const fold = useMemo(() => foldTree(root, network.graph, metrics), [root]);
  return <Folded key={network.name} {...props} fold={fold} />;
}

function Folded({ root, network, metric, about, query, selected, onSelect, fold }) {
  const { top } = fold;
  const [open, setOpen] = useState(() => openAtStart(top));
  const [focus, setFocus] = useState("");
  const [isWide, setIsWide] = useState(false);
  const canvas = useRef(null);
  const { drawing, isBusy } = useArrangement(fold, open, canvas, isWide);
  const anchor = useRef(null);
  const [view, camera] = useCamera(canvas, drawing, isWide, anchor);
  useEffect(() => setOpen((before) => openStill(top, before)), [top]);

  const nodeAt = useMemo(() => nodesByPath(fold), [fold]);
  const chosen = nodeAt(selected);
  const shown = chosen && seenAs(chosen, open);
  const links = useMemo(() => linksOf(drawing), [drawing]);
  const boxes = drawing?.boxes ?? [];
  const boxAt = useMemo(() => new Map(boxes.map((each) => [each.node.id, each])), [drawing]);
  const total = root.values[metric];
  const most = Math.max(0, ...boxes.map(({ node }) => Number(node.values[metric] ?? 0)));
  const found = matcher(query);
  const tell = teller({ metric, about, total, most, found, links, open });
  const focused = boxAt.has(focus) ? focus : boxes.length ? startOf(boxes).node.id : "";
  const wanted = useRef("");

  useEffect(() => {
    if (!wanted.current) return;
    const element = canvas.current?.querySelector(`[data-id="${CSS.escape(wanted.current)}"]`);
    if (!element) return;
    wanted.current = "";
    element.focus({ preventScroll: true });
  });
  useEffect(() => {
    const box = shown && (boxAt.get(shown.id) ?? drawing.frames.find(({ node }) => node === shown));
    if (box) camera.show(box);
  }, [selected, shown, drawing]);

  const openAll = (other) => {
    anchor.current = "start";
    setOpen(other);
  };
  const go = (node) => {
    if (!node) return;
    const box = boxAt.get(node.id);
    wanted.current = node.id;
    setFocus(node.id);
    if (box) camera.show(box);
  };
  const toggle = (node) => {
    const isOpen = open.has(node.id);
    const box = boxAt.get(node.id) ?? drawing.frames.find((each) => each.node === node);
    if (box) anchor.current = { id: node.id, x: box.x + box.width / 2, y: box.y };
    const other = new Set(open);
    if (isOpen) other.delete(node.id);
    else other.add(node.id);
    setOpen(other);
    const next = isOpen ? node : startOf(drawnIn(node, other).map((each) => ({ node: each }))).node;
    wanted.current = next.id;
    setFocus(next.id);
  };
  const press = (node) => {
    if (node.path) onSelect(node.path);
    if (folds(node)) toggle(node);
  };
  const onKeyDown = (event, box) => {
    const { node } = box;
    const key = event.key;
    const to = {
      ArrowDown: () => go(nearest(box, links.after(node), boxAt)),
      ArrowUp: () => go(nearest(box, links.before(node), boxAt)),
      ArrowLeft: () => go(beside(box, boxes, -1, links)),
      ArrowRight: () => go(beside(box, boxes, 1, links)),
      Home: () => go(startOf(boxes).node),
      End: () => go(endOf(boxes).node),
      Enter: () => press(node),
      " ": () => press(node),
      Escape: () => node.parent !== top && toggle(node.parent),
      "+": () => camera.scale(1.25),
      "=": () => camera.scale(1.25),
      "-": () => camera.scale(0.8),
      0: () => camera.fit(),
    }[key];
    if (to && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      to();
    }
  };
  const warm = (node, isHot) => {
    for (const element of canvas.current.querySelectorAll(".edge"))
      if (element.dataset.from === node.id || element.dataset.to === node.id) element.classList.toggle("hot", isHot);
  };

  const hidden = chosen && shown !== chosen && !open.has(chosen.id) ? chosen : null;
  const inView = clipped(drawing, view);
  const folded = boxes.filter(({ node }) => folds(node)).length;
  const further = openFurther(top, open);
  const isFull = folded > 0 && further.size === open.size;
  const count = `${boxes.filter(({ node }) => node.node || node.kind === "group").length} boxes for ${fold.leaves.size - network.graph.inputs.length} layers`;
  return (
    <div class={`graph${isWide ? " wide" : ""}`}>
      <div class="tools" onKeyDown={(event) => event.key === "Escape" && setIsWide(false)}>
        <span class="group" role="group" aria-label="Fold">
          <button type="button" onClick={() => openAll(new Set())}>Fold all</button>
          <button type="button" onClick={() => openAll(openLess(top, open))} disabled={open.size === 0}>Fold one level</button>
          <button type="button" onClick={() => openAll(further)} disabled={folded === 0 || isFull}>Unfold one level</button>
        </span>
        {hidden && (
          <button type="button" class="reveal" onClick={() => setOpen(openFor(hidden, open))}>
            Reveal {hidden.path}
          </button>
        )}
        <span class="group" role="group" aria-label="View">
          <button type="button" aria-label="Zoom out" onClick={() => camera.scale(0.8)}>−</button>
          <button type="button" aria-label="Zoom in" onClick={() => camera.scale(1.25)}>+</button>
          <button type="button" onClick={() => camera.fit()}>Fit</button>
          <button type="button" aria-pressed={isWide} onClick={() => setIsWide(!isWide)}>Full window</button>
        </span>
        <span class="count" role="status">
          {isBusy ? "Laying out…" : isFull ? `${count}; more only one by one` : count}
        </span>
      </div>
      <div
        class="canvas"
        ref={canvas}
        tabIndex={-1}
        role="group"
        aria-label={`Graph of ${network.name}: ${count}, ${drawing?.edges.length ?? 0} edges`}
        style={drawing && printSizes(drawing)}
      >
        <svg>
          <defs>
            {["plain", "hot"].map((name) => (
              <marker key={name} id={`arrow-${name}`} class={name} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto" markerUnits="userSpaceOnUse">
                <path d="M0,0.5L8,4L0,7.5z" />
              </marker>
            ))}
          </defs>
          <g class="view">
            {inView.frames.map((each) => (
              <rect
                key={each.node.id}
                class={`frame${each.node === shown ? " chosen" : ""}`}
                x={each.x}
                y={each.y}
                width={each.width}
                height={each.height}
                rx="8"
              />
            ))}
            {inView.edges.map((each) => (
              <Edge key={each.key} edge={each} isHot={each.source === shown || each.target === shown} />
            ))}
            {inView.frames.map((each) => <Title key={each.node.id} frame={each} onFold={() => toggle(each.node)} />)}
            {inView.boxes.map((each) => (
              <Box
                key={each.node.id}
                box={each}
                told={tell(each.node)}
                isFar={inView.isFar}
                isFocus={each.node.id === focused}
                state={each.node === chosen ? "chosen" : each.node === shown ? "holds" : ""}
                onClick={() => {
                  setFocus(each.node.id);
                  press(each.node);
                }}
                onFocus={() => setFocus(each.node.id)}
                onKeyDown={(event) => onKeyDown(event, each)}
                onWarm={(isHot) => warm(each.node, isHot)}
              />
            ))}
          </g>
        </svg>
      </div>
      <p class="hint">
        {most > 0 && (
          <span class="legend">
            <span class="ramp" aria-hidden="true" /> 0 to {percent(most, total)} of {about.title}.{" "}
          </span>
        )}
        A click or Enter unfolds a block; its title, or Esc, folds it. Drag to move; Ctrl and the wheel zoom, after a click the wheel
        alone; on a touch screen, two fingers. Keys: arrows follow the edges, + and − zoom, 0 fits.
      </p>
    </div>
  );
}

function Title({ frame, onFold }) {
  const { node, x, y, width } = frame;
  const name = cut(node.name, width - 30, BOLD);
  return (
    <g
      class="title"
      transform={`translate(${x},${y})`}
      role="button"
      tabIndex={-1}
      aria-expanded="true"
      aria-label={`Fold ${nameOf(node)}`}
      data-frame={node.id}
      onClick={onFold}
    >
      <rect x="2" y="2" width={widthOf(`▾ ${name}`, BOLD) + 12} height={HEAD - 5} rx="6" />
      <text x="8" y="16">▾ {name}</text>
      <title>{`${nameOf(node)}: ${sizeOf(node)}`}</title>
    </g>
  );
}

function Edge({ edge, isHot }) {
  const { source, target, tensors, points, turns } = edge;
  const what = tensors.map((each) => shape(each.shape)).slice(0, 4).join(", ");
  return (
    <path class={`edge${isHot ? " chosen" : ""}`} d={turns ? drawTurns(points) : drawLine(points)} data-from={source.id} data-to={target.id}>
      <title>{`${nameOf(source)} → ${nameOf(target)}: ${what}${tensors.length > 4 ? ", …" : ""}`}</title>
    </path>
  );
}

/** Draw a line with corners, which are round. */
function drawTurns(points) {
  const parts = [`M${points[0].x},${points[0].y}`];
  for (let at = 1; at + 1 < points.length; at++) {
    const [before, corner, after] = [points[at - 1], points[at], points[at + 1]];
    const [start, end] = [toward(corner, before), toward(corner, after)];
    parts.push(`L${start.x},${start.y}Q${corner.x},${corner.y},${end.x},${end.y}`);
  }
  const last = points.at(-1);
  return `${parts.join("")}L${last.x},${last.y}`;
}

function toward(from, to) {
  const far = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const part = Math.min(ROUND, far / 2) / far;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

function Box({ box, told, isFar, isFocus, state, onClick, onFocus, onKeyDown, onWarm }) {
  const { node, x, y, width, height } = box;
  const isBlock = folds(node);
  const lines = linesOf(node);
  return (
    <g
      class={`box ${node.kind} ${state}${told.state}`}
      transform={`translate(${x},${y})`}
      role="button"
      tabIndex={isFocus ? 0 : -1}
      data-id={node.id}
      data-path={node.path || undefined}
      aria-label={told.text}
      aria-expanded={isBlock ? "false" : undefined}
      aria-pressed={isBlock ? undefined : state === "chosen"}
      style={{ "--share": told.share }}
      onClick={onClick}
      onFocus={onFocus}
      onKeyDown={onKeyDown}
      onPointerEnter={() => onWarm(true)}
      onPointerLeave={() => onWarm(false)}
    >
      <title>{told.title}</title>
      {isBlock && <rect class="under" x="4" y="4" width={width} height={height} rx="6" />}
      <rect class="face" width={width} height={height} rx={node.kind === "input" || node.kind === "output" ? height / 2 : 6} />
      {isFar ? null : (
        <>
          <text x={width / 2} y="18">
            <tspan class="name">{isBlock ? `▸ ${lines.name}` : lines.name}</tspan>
            {lines.type && <tspan class="type"> {lines.type}</tspan>}
          </text>
          <text class="numbers" x={width / 2} y="36">
            {[lines.shape, told.value].filter(Boolean).join(" · ")}
          </text>
        </>
      )}
      {told.hits && <text class="hits" x={width - 4} y="-3">{told.hits}</text>}
    </g>
  );
}

const BOLD = "600 13px system-ui, sans-serif";
const PLAIN = "12px system-ui, sans-serif";
const HIGH = 46;
const LONGEST = 230;
const RESERVED = 110;
const widths = new Map();
let context = null;

function widthOf(text, font) {
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
function cut(text, most, font) {
  if (text.length < 200 && widthOf(text, font) <= most) return text;
  let [low, high] = [1, Math.min(text.length, 200)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(`…${text.slice(-middle)}`, font) <= most) low = middle;
    else high = middle - 1;
  }
  return `…${text.slice(-low)}`;
}

function linesOf(node) {
  const name = cut(node.name, LONGEST, BOLD);
  const type = node.kind === "layer" ? node.node.row.type : folds(node) && node.size ? sizeOf(node) : "";
  return { name, type, shape: node.shape ? cut(shape(node.shape), LONGEST, PLAIN) : "" };
}

function sizeOf(node) {
  return node.size === 1 ? "1 layer" : node.size ? `${node.size} layers` : "";
}

function measure(node) {
  if (!node.parent) return { width: 0, height: 0 };
  const { name, type, shape: sizes } = linesOf(node);
  const first = widthOf(`▸ ${name}`, BOLD) + (type ? widthOf(` ${type}`, PLAIN) : 0);
  const second = widthOf(sizes, PLAIN) + (node.node || node.kind === "group" ? RESERVED : 0);
  const isPill = node.kind === "input" || node.kind === "output";
  return { width: Math.ceil(Math.max(90, first, second) + (isPill ? 28 : 20)), height: HIGH };
}

/** Return the drawing of what is open; it is made in slices, between which the page answers. */
function useArrangement(fold, open, canvas, isWide) {
  const [state, setState] = useState({ drawing: null, isBusy: true });
  const [width, setWidth] = useState(0);
  const cache = useMemo(() => new Map(), [fold]);
  useLayoutEffect(() => {
    const measured = () => canvas.current && setWidth(Math.floor(canvas.current.clientWidth / COARSE) * COARSE);
    measured();
    const watch = new ResizeObserver(measured);
    watch.observe(canvas.current);
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (!width) return undefined;
    const steps = arrange(fold, open, cache, measure, { width, height: isWide ? window.innerHeight - 120 : mostHigh() });
    let timer = 0;
    const run = () => {
      const until = performance.now() + SLICE;
      for (;;) {
        const step = steps.next();
        if (step.done) return setState({ drawing: step.value, isBusy: false });
        if (performance.now() > until) break;
      }
      setState((now) => (now.isBusy ? now : { ...now, isBusy: true }));
      timer = setTimeout(run, 0);
    };
    run();
    return () => clearTimeout(timer);
  }, [fold, open, width, isWide]);
  return state;
}

/** Return what part of the drawing is seen, and what moves it. */
function useCamera(canvas, drawing, isWide, anchor) {
  const [view, setView] = useState({ x: 0, y: 0, k: 1, width: 1000, height: 600 });
  const state = useRef({ zoom: null, drawing: null, placed: null });
  state.current.drawing = drawing;
  const svg = () => canvas.current.querySelector("svg");
  const size = () => ({ width: canvas.current.clientWidth, height: canvas.current.clientHeight });

  useLayoutEffect(() => {
    const element = svg();
    let frame = 0;
    const settle = ({ x, y, k }) => {
      canvas.current.querySelector(".view").setAttribute("transform", `translate(${x},${y}) scale(${k})`);
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => canvas.current && setView({ x, y, k, ...size() }));
    };
    const isActive = () => canvas.current.contains(document.activeElement);
    const zoom = zooming()
      .scaleExtent([0.02, 3])
      .filter((event) => {
        if (event.type === "wheel") return event.ctrlKey || event.metaKey || isActive();
        if (event.type.startsWith("touch")) return isActive() || event.touches.length > 1;
        return !event.button && !event.ctrlKey;
      })
      .on("zoom", (event) => settle(event.transform));
    state.current.zoom = zoom;
    select(element).call(zoom).on("dblclick.zoom", null);
    const watch = new ResizeObserver(() => canvas.current && setView((now) => ({ ...now, ...size() })));
    watch.observe(canvas.current);
    return () => {
      watch.disconnect();
      cancelAnimationFrame(frame);
    };
  }, []);

  const to = (x, y, k) => select(svg()).call(state.current.zoom.transform, zoomIdentity.translate(x, y).scale(k));
  const now = () => svg().__zoom ?? zoomIdentity;
  const camera = {
    scale: (factor) => select(svg()).call(state.current.zoom.scaleBy, factor),
    fit: () => {
      const { width, height } = size();
      const { drawing: all } = state.current;
      const k = Math.min(1.25, (width - 16) / all.width, (height - 16) / all.height);
      to((width - all.width * k) / 2, (height - all.height * k) / 2, k);
    },
    show: (box) => {
      const { width, height } = size();
      const { x, y, k } = now();
      const [left, up] = [box.x * k + x, box.y * k + y];
      const [right, down] = [left + Math.min(box.width * k, width - 40), up + Math.min(box.height * k, height - 40)];
      const moveX = left < 10 ? 30 - left : right > width - 10 ? width - 30 - right : 0;
      const moveY = up < 10 ? 50 - up : down > height - 10 ? height - 50 - down : 0;
      if (moveX || moveY) to(x + moveX, y + moveY, k);
    },
    start: () => {
      const { width } = size();
      const { drawing: all } = state.current;
      const whole = Math.min(1, (width - 16) / all.width);
      const k = Math.max(whole, 0.6);
      canvas.current.style.height = `${Math.min(mostHigh(), all.height * k + 20)}px`;
      const first = all.boxes.length ? startOf(all.boxes) : { x: 0, width: all.width };
      to(all.width * k <= width ? (width - all.width * k) / 2 : width / 2 - (first.x + first.width / 2) * k, 8, k);
    },
  };
  useLayoutEffect(() => {
    if (!drawing) return;
    const before = anchor.current;
    anchor.current = null;
    if (!state.current.placed || before === "start") {
      camera.start();
    } else if (before === "fit") {
      camera.fit();
    } else {
      const high = Math.min(mostHigh(), drawing.height * now().k + 20);
      if (high > canvas.current.clientHeight) canvas.current.style.height = `${high}px`;
      const box = before && [...drawing.boxes, ...drawing.frames].find(({ node }) => node.id === before.id);
      if (box) {
        const { x, y, k } = now();
        to(x + (before.x - box.x - box.width / 2) * k, y + (before.y - box.y) * k, k);
      }
    }
    state.current.placed = drawing;
  }, [drawing]);
  useLayoutEffect(() => {
    if (drawing) anchor.current = "fit";
  }, [isWide]);
  return [view, camera];
}

function mostHigh() {
  return Math.max(300, Math.min(0.78 * window.innerHeight, 900));
}

function nodesByPath({ top }) {
  const found = new Map();
  const visit = (node) => {
    if (node.path && !found.has(node.path)) found.set(node.path, node);
    if (node.kind === "layer") for (const path of partsOf(node.node)) if (!found.has(path)) found.set(path, node);
    node.children.forEach(visit);
  };
  visit(top);
  return (path) => found.get(path) ?? null;
}

function partsOf(node) {
  return node.children.flatMap((each) => [each.path, ...partsOf(each)]);
}

function linksOf(drawing) {
  const [after, before] = [new Map(), new Map()];
  for (const { source, target } of drawing?.edges ?? []) {
    after.set(source, [...(after.get(source) ?? []), target]);
    before.set(target, [...(before.get(target) ?? []), source]);
  }
  return { after: (node) => after.get(node) ?? [], before: (node) => before.get(node) ?? [] };
}

function nearest(box, nodes, boxAt) {
  const distance = (node) => {
    const other = boxAt.get(node.id);
    return Math.abs(other.x + other.width / 2 - box.x - box.width / 2) + Math.abs(other.y - box.y);
  };
  return [...nodes].sort((one, other) => distance(one) - distance(other))[0];
}

/** Return the nearest node to the left or right, of the same block if there is one; what an edge leads to is not beside. */
function beside(box, boxes, way, links) {
  const middle = (each) => each.x + each.width / 2;
  const linked = new Set([...links.before(box.node), ...links.after(box.node)]);
  const near = boxes.filter((each) => (middle(each) - middle(box)) * way > 1 && !linked.has(each.node));
  const distance = (each) =>
    Math.abs(middle(each) - middle(box)) + 3 * Math.abs(each.y - box.y) + (each.node.parent === box.node.parent ? 0 : FARTHEST);
  const found = near.sort((one, other) => distance(one) - distance(other))[0];
  return found && Math.abs(found.y - box.y) < FARTHEST ? found.node : null;
}

function startOf(boxes) {
  return boxes.reduce((one, other) => (other.node.first < one.node.first ? other : one));
}

function endOf(boxes) {
  return boxes.reduce((one, other) => (other.node.last > one.node.last ? other : one));
}

function nameOf(node) {
  return node.path || node.name;
}

/** Return what a box says: its value, its share, what a screen reader tells, and whether a search finds it. */
function teller({ metric, about, total, most, found, links }) {
  return (node) => {
    const value = node.values[metric] ?? null;
    const isKnown = value !== null;
    const share = about.combine === "none" ? "" : percent(value, total);
    const hits = found && node.size ? leavesOf(node).filter((leaf) => leaf.node && found(leaf.node)).length : 0;
    const cost = isKnown ? `${exact(value)} ${about.title}${share && `, ${share}`}` : "";
    const type = node.kind === "layer" ? node.node.row.type : node.kind === "input" || node.kind === "output" ? "" : sizeOf(node);
    const said = [node.kind === "output" || node.kind === "input" ? `${node.kind} ${node.name === node.kind ? "" : node.name}`.trim() : nameOf(node), type];
    const output = node.shape ? `output ${shape(node.shape)}` : "";
    const reads = listed("reads", links.before(node));
    const readBy = listed("read by", links.after(node));
    return {
      value: isKnown ? `${brief(value, about.unit)}${share && ` · ${share}`}` : "",
      share: isKnown && most && about.combine !== "none" ? Math.min(1, Number(value) / most) : 0,
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

/** Return what of a large drawing is in view. */
function clipped(drawing, { x, y, k, width, height }) {
  if (!drawing) return { boxes: [], frames: [], edges: [], isFar: false };
  const isFar = k < FAR && drawing.boxes.length > MOST_UNCLIPPED;
  if (drawing.boxes.length <= MOST_UNCLIPPED) return { ...drawing, isFar };
  const [left, up] = [-x / k - 200, -y / k - 200];
  const [right, down] = [left + width / k + 400, up + height / k + 400];
  const isIn = (each) => each.x < right && each.x + each.width > left && each.y < down && each.y + each.height > up;
  const crosses = ({ points }) => {
    const [first, last] = [points[0], points.at(-1)];
    return Math.min(first.y, last.y) < down && Math.max(first.y, last.y) > up;
  };
  return {
    boxes: drawing.boxes.filter(isIn),
    frames: drawing.frames.filter(isIn),
    edges: drawing.edges.filter(crosses),
    isFar,
  };
}

/** Return the sizes of the drawing on paper: as wide as a page, and as long if it stays readable. */
function printSizes({ width, height }) {
  const whole = Math.min(1, PRINTED.width / width, PRINTED.height / height);
  const k = Math.max(whole, Math.min(1, PRINTED.width / width, PRINTED.least));
  return { "--print-scale": k, "--print-height": `${Math.ceil(height * k)}px` };
}
