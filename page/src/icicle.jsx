// An icicle: the whole network on top, blocks below it, layers and their parts at the bottom.
import { hierarchy, partition } from "d3-hierarchy";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { byPath, childrenFor } from "./data.js";
import { brief, exact, percent } from "./format.js";

const ROW = 30;
const MOST_DRAWN = 1500;

/** Draw the shares of a metric by block; a click zooms, arrow keys walk. */
export function Icicle({ root, metric, about, query, selected, onSelect }) {
  const [zoom, setZoom] = useState("");
  const nodes = useMemo(() => byPath(root), [root]);
  const top = nodes.get(zoom) ?? root;
  const placed = useMemo(() => layOut(top, metric), [top, metric]);
  const [focus, setFocus] = useState(top.path);
  const box = useRef(null);
  useEffect(() => setZoom(""), [root]);
  useEffect(() => setFocus(top.path), [top]);

  const total = Number(root.values[metric]);
  if (!total) return <p class="empty">No layer of this network has {about.title}.</p>;
  const found = matcher(query);
  const here = new Map(placed.map((each) => [key(each.data), each]));
  const go = (each) => {
    if (!each) return;
    setFocus(key(each.data));
    onSelect(each.data.path);
    box.current?.querySelector(`[data-key="${CSS.escape(key(each.data))}"]`)?.focus();
  };
  const onKeyDown = (event, each) => {
    const siblings = each.parent ? each.parent.children : [each];
    const at = siblings.indexOf(each);
    const drawn = (node) => node && here.get(key(node.data));
    const to = {
      ArrowUp: () => go(drawn(each.parent)),
      ArrowDown: () => go(each.children?.map(drawn).find(Boolean)),
      ArrowLeft: () => go(drawn(siblings[at - 1])),
      ArrowRight: () => go(drawn(siblings[at + 1])),
      Home: () => go(placed[0]),
      Enter: () => open(each),
      " ": () => open(each),
      Escape: () => setZoom(parentPath(zoom)),
    }[event.key];
    if (to) {
      event.preventDefault();
      to();
    }
  };
  const open = (each) => {
    onSelect(each.data.path);
    if (each.data !== top && each.data.children.length && !each.data.row) setZoom(each.data.path);
    else if (each.data === top) setZoom(parentPath(zoom));
  };
  const depth = Math.max(...placed.map((each) => each.depth)) + 1;
  const drawnFocus = here.has(focus) ? focus : key(placed[0].data);
  return (
    <div class="icicle" ref={box}>
      <nav class="crumbs" aria-label="Zoom">
        {crumbs(zoom).map(([path, name], index, all) =>
          index === all.length - 1 ? (
            <span key={path} aria-current="true">{name || root.name}</span>
          ) : (
            <button key={path} type="button" onClick={() => setZoom(path)}>{name || root.name}</button>
          ),
        )}
        <span class="amount">
          {exact(top.values[metric])} {about.title}
          {top === root ? "" : ` · ${percent(top.values[metric], total)} of the network`}
        </span>
      </nav>
      <div class="bars" role="tree" aria-label={`${about.title} by block`} style={{ height: `${depth * ROW}px` }}>
        {placed.map((each) => {
          const { data } = each;
          const value = data.values[metric];
          const width = each.x1 - each.x0;
          const text = `${data.path || root.name}: ${exact(value)} ${about.title}, ${percent(value, total)}`;
          const state = found ? (found(data) ? " hit" : " miss") : "";
          return (
            <div
              key={key(data)}
              data-key={key(data)}
              role="treeitem"
              aria-level={each.depth + 1}
              aria-label={text}
              aria-selected={data.path === selected}
              aria-expanded={each.children ? true : data.children.length && !data.row ? false : undefined}
              tabIndex={key(data) === drawnFocus ? 0 : -1}
              class={`bar${data.row ? " leaf" : ""}${data.isPart ? " part" : ""}${state}`}
              title={text}
              style={{
                left: `${100 * each.x0}%`,
                width: `${100 * width}%`,
                top: `${each.depth * ROW}px`,
                "--share": Math.min(1, Number(value) / total),
              }}
              onClick={() => open(each)}
              onFocus={() => setFocus(key(data))}
              onKeyDown={(event) => onKeyDown(event, each)}
            >
              {width > 0.02 && <span>{data.path === "" ? root.name : data.name}</span>}
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

function key(node) {
  return `${node.isPart ? "+" : node.row ? "" : "/"}${node.path}`;
}

/** Return the visible rectangles. Children fill their parent: values add up, or it shows the largest of them. */
function layOut(top, metric) {
  const amount = (node) => Number(node.values[metric]) || 0;
  const whole = hierarchy(top, (node) => childrenFor(node, metric).filter(amount));
  whole.value = 1;
  whole.eachBefore((each) => {
    const sum = (each.children ?? []).reduce((all, child) => all + amount(child.data), 0);
    for (const child of each.children ?? []) child.value = (each.value * amount(child.data)) / sum;
  });
  return partition()(whole)
    .descendants()
    .filter((each) => each.x1 - each.x0 > 0.0008)
    .slice(0, MOST_DRAWN);
}

function crumbs(zoom) {
  const names = zoom ? zoom.split(".") : [];
  return [["", ""], ...names.map((name, index) => [names.slice(0, index + 1).join("."), name])];
}

function parentPath(path) {
  return path.split(".").slice(0, -1).join(".");
}

/** Return what tells whether a node matches the words of a search; null without one. */
export function matcher(query) {
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  return (node) => {
    const text = `${node.path} ${node.row?.type ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
}
