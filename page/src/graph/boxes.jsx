// The boxes of the graph, the titles of its frames, and its edges.
import { curveMonotoneY, line } from "d3-shape";
import { shape } from "../format.js";
import { folds } from "./fold.js";
import { HEAD } from "./layout.js";
import { BOLD, cut, linesOf, nameOf, sizeOf, widthOf } from "./words.js";

const ROUND = 8;
const drawLine = line(
  (point) => point.x,
  (point) => point.y,
).curve(curveMonotoneY);

export function Title({ frame, onFold }) {
  const { node, x, y, width } = frame;
  const name = cut(node.name, width - 30, BOLD);
  return (
    <g
      class="title"
      transform={`translate(${x},${y})`}
      role="button"
      tabindex={-1}
      aria-expanded="true"
      aria-label={`Fold ${nameOf(node)}`}
      data-frame={node.id}
      onClick={onFold}
    >
      <rect x="2" y="2" width={widthOf(`▾ ${name}`, BOLD) + 12} height={HEAD - 5} rx="6" />
      <text x="8" y="16">
        ▾ {name}
      </text>
      <title>{`${nameOf(node)}: ${sizeOf(node)}`}</title>
    </g>
  );
}

export function Edge({ edge, isHot }) {
  const { source, target, tensors, points, turns } = edge;
  const what = tensors
    .map((each) => shape(each.shape))
    .slice(0, 4)
    .join(", ");
  return (
    <path
      class={`edge${isHot ? " chosen" : ""}`}
      d={turns ? drawTurns(points) : drawLine(points)}
      data-from={source.id}
      data-to={target.id}
    >
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

export function Box({ box, told, isFar, isFocus, state, onClick, onFocus, onKeyDown, onWarm }) {
  const { node, x, y, width, height } = box;
  const isBlock = folds(node);
  const lines = linesOf(node);
  return (
    <g
      class={`box ${node.kind} ${state}${told.state}`}
      transform={`translate(${x},${y})`}
      role="button"
      tabindex={isFocus ? 0 : -1}
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
      <rect
        class="face"
        width={width}
        height={height}
        rx={node.kind === "input" || node.kind === "output" ? height / 2 : 6}
      />
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
      {told.hits && (
        <text class="hits" x={width - 4} y="-3">
          {told.hits}
        </text>
      )}
    </g>
  );
}
