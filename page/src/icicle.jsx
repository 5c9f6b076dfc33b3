// An icicle: the whole network on top, blocks below it, layers and their parts at the bottom.
import { hierarchy, partition } from "d3-hierarchy";
import { useMemo, useRef, useState } from "preact/hooks";
import { childrenFor, COMBINE, matcher } from "./data.js";
import { brief, exact, percent } from "./format.js";

const ROW = 30;
const NARROW = 0.003;
const GROUPED = 0.02;

/** Draw the shares of a metric by block; a click zooms, arrow keys walk. */
export function Icicle({ root, metric, about, query, selected, onSelect }) {
  const [trail, setTrail] = useState([root]);
  const path = trail[0] === root ? trail : [root];
  const top = path.at(-1);
  const placed = useMemo(() => layOut(top, metric, COMBINE[about.combine] ?? COMBINE.max), [top, metric]);
  const [focus, setFocus] = useState(null);
  const box = useRef(null);
  if (about.combine === "none")
    return <p class="empty">{about.title} is a number of each layer that blocks do not have; the table and the graph show it.</p>;
  const total = Number(root.values[metric]);
  if (!total) return <p class="empty">No layer of this network has {about.title}.</p>;

  const found = matcher(query);
  const here = new Map(placed.map((each) => [each.data, each]));
  const current = here.has(focus) ? focus : top;
  const go = (each) => {
    if (!each) return;
    setFocus(each.data);
    onSelect(each.data.path);
    box.current.children[placed.indexOf(each)].focus();
  };
  const out = () => path.length > 1 && zoom(path.slice(0, -1));
  const zoom = (trail) => {
    setTrail(trail);
    setFocus(trail.at(-1));
    requestAnimationFrame(() => box.current?.firstElementChild?.focus());
  };
  const open = (each) => {
    onSelect(each.data.path);
    if (each.data === top) out();
    else if (childrenFor(each.data, metric).length) {
      const inner = each.ancestors().map((one) => one.data).reverse();
      zoom([...path, ...inner.slice(1)]);
    } else setFocus(each.data);
  };
  const onKeyDown = (event, each) => {
    const siblings = each.parent?.children ?? [each];
    const at = siblings.indexOf(each);
    const act = {
      ArrowUp: () => go(each.parent),
      ArrowDown: () => go(each.children?.find((child) => here.has(child.data))),
      ArrowLeft: () => go(siblings[at - 1]),
      ArrowRight: () => go(siblings[at + 1]),
      Home: () => go(placed[0]),
      Enter: () => open(each),
      " ": () => open(each),
      Escape: out,
    }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  };
  const depth = Math.max(...placed.map((each) => each.depth)) + 1;
  return (
    <div class="icicle">
      <nav class="crumbs" aria-label="Zoom">
        {path.map((node, index) =>
          index === path.length - 1 ? (
            <span key={index} aria-current="true">{node.name}</span>
          ) : (
            <button key={index} type="button" onClick={() => zoom(path.slice(0, index + 1))}>{node.name}</button>
          ),
        )}
        <span class="amount">
          {root.isLowerBound ? "at least " : ""}
          {exact(top.values[metric])} {about.title}
          {top === root ? "" : ` · ${percent(top.values[metric], total)} of the network`}
        </span>
      </nav>
      <div class="bars" ref={box} role="tree" aria-label={`${about.title} by block`} style={{ height: `${depth * ROW}px` }}>
        {placed.map((each) => {
          const { data } = each;
          const value = data.values[metric];
          const width = each.x1 - each.x0;
          const text = `${data === root ? root.name : data.label ?? data.path}: ${exact(value)} ${about.title}, ${percent(value, total)}`;
          const state = found ? (found(data) ? " hit" : " miss") : "";
          return (
            <div
              key={keyOf(data)}
              role="treeitem"
              aria-level={each.depth + 1}
              aria-label={text}
              aria-selected={data.path === selected && !data.isGroup}
              aria-expanded={each.children ? true : childrenFor(data, metric).length ? false : undefined}
              tabIndex={data === current ? 0 : -1}
              class={`bar${data.row ? " leaf" : ""}${data.isPart ? " part" : ""}${state}`}
              title={text}
              style={{
                left: `${100 * each.x0}%`,
                width: `${100 * width}%`,
                top: `${each.depth * ROW}px`,
                "--share": Math.min(1, Number(value) / total),
              }}
              onClick={() => open(each)}
              onFocus={() => setFocus(data)}
              onKeyDown={(event) => onKeyDown(event, each)}
            >
              {width > 0.02 && <span>{data.name}</span>}
              {width > 0.12 && <span class="value">{brief(value, about.unit)}</span>}
            </div>
          );
        })}
      </div>
      <p class="hint">
        Click a block to zoom in and the top row to zoom out. Keys: arrows move, Enter zooms, Esc zooms out.
      </p>
    </div>
  );
}

function keyOf(node) {
  return `${node.isGroup ? "…" : node.isPart ? "+" : node.row ? "" : "/"}${node.label ?? node.path}`;
}

/** Return the visible rectangles. Children fill their parent: values add up, or it shows the largest of them. */
function layOut(top, metric, combine) {
  const amount = (node) => Number(node.values[metric]) || 0;
  const widths = new Map([[top, 1]]);
  const whole = hierarchy(top, (node) => {
    const width = widths.get(node);
    const children = childrenFor(node, metric).filter(amount);
    if (width < NARROW || !children.length) return null;
    const scale = width / children.reduce((all, child) => all + amount(child), 0);
    if (Math.max(...children.map(amount)) * scale < NARROW && width < GROUPED * 2) return null;
    const shown = grouped(children, (child) => amount(child) * scale, metric, combine);
    for (const each of shown) {
      const inside = each.isGroup ? each.children : [each];
      widths.set(each, inside.reduce((all, child) => all + amount(child), 0) * scale);
    }
    return shown;
  });
  whole.eachBefore((each) => {
    each.value = widths.get(each.data);
  });
  return partition()(whole).descendants();
}

/** Put neighbors that are too narrow to be seen into groups. */
function grouped(nodes, width, metric, combine) {
  const shown = [];
  let few = [];
  const close = () => {
    if (few.length === 1) shown.push(few[0]);
    else if (few.length) shown.push(groupOf(few, metric, combine));
    few = [];
  };
  let taken = 0;
  for (const node of nodes) {
    if (width(node) >= NARROW) {
      close();
      shown.push(node);
      taken = 0;
      continue;
    }
    few.push(node);
    taken += width(node);
    if (taken > GROUPED - 1e-9) {
      close();
      taken = 0;
    }
  }
  close();
  return shown.length === 1 && shown[0].isGroup ? nodes : shown;
}

const GROUPS = new WeakMap();

function groupOf(nodes, metric, combine) {
  const key = `${metric} ${nodes.length}`;
  const known = GROUPS.get(nodes[0]) ?? new Map();
  GROUPS.set(nodes[0], known);
  if (!known.has(key)) {
    const [first, last] = [nodes[0], nodes.at(-1)];
    const name = `${first.name} … ${last.name}`;
    known.set(key, {
      ...first,
      name,
      label: `${first.path} … ${last.path}, ${nodes.length} together`,
      isGroup: true,
      isPart: false,
      row: null,
      children: nodes,
      values: { [metric]: nodes.map((node) => node.values[metric]).reduce(combine) },
    });
  }
  return known.get(key);
}
