// The graph of a network: blocks fold and unfold, boxes have the shape and the cost, edges say who reads whom.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { matcher } from "../data.js";
import { percent } from "../format.js";
import { Box, Edge, Title } from "./boxes.jsx";
import { clipped, printSizes, useArrangement, useCamera } from "./camera.js";
import { drawnIn, folds, foldTree, openAtStart, openFor, openFurther, openLess, openStill, seenAs } from "./fold.js";
import { beside, endOf, linksOf, nearest, nodesByPath, startOf } from "./walk.js";
import { sizeOf, teller } from "./words.js";

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
  const most = about.combine === "none" ? 0 : Math.max(0, ...boxes.map(({ node }) => Number(node.values[metric] ?? 0)));
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
  const real = boxes.filter(({ node }) => node.size).length;
  const count = `${real === 1 ? "1 box" : `${real} boxes`} for ${sizeOf(top)}`;
  return (
    <div class={`graph${isWide ? " wide" : ""}`}>
      <div class="tools" onKeyDown={(event) => event.key === "Escape" && setIsWide(false)}>
        <span class="group" role="group" aria-label="Fold">
          <button type="button" onClick={() => openAll(new Set())}>
            Fold all
          </button>
          <button type="button" onClick={() => openAll(openLess(top, open))} disabled={open.size === 0}>
            Fold one level
          </button>
          <button type="button" onClick={() => openAll(further)} disabled={folded === 0 || isFull}>
            Unfold one level
          </button>
        </span>
        {hidden && (
          <button type="button" class="reveal" onClick={() => setOpen(openFor(hidden, open))}>
            Reveal {hidden.path}
          </button>
        )}
        <span class="group" role="group" aria-label="View">
          <button type="button" aria-label="Zoom out" onClick={() => camera.scale(0.8)}>
            −
          </button>
          <button type="button" aria-label="Zoom in" onClick={() => camera.scale(1.25)}>
            +
          </button>
          <button type="button" onClick={() => camera.fit()}>
            Fit
          </button>
          <button type="button" aria-pressed={isWide} onClick={() => setIsWide(!isWide)}>
            Full window
          </button>
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
              <marker
                key={name}
                id={`arrow-${name}`}
                class={name}
                viewBox="0 0 8 8"
                refX="7"
                refY="4"
                markerWidth="7"
                markerHeight="7"
                orient="auto"
                markerUnits="userSpaceOnUse"
              >
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
            {inView.frames.map((each) => (
              <Title key={each.node.id} frame={each} onFold={() => toggle(each.node)} />
            ))}
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
        A click or Enter unfolds a block; its title, or Esc, folds it. Drag to move; Ctrl and the wheel zoom, after a
        click the wheel alone; on a touch screen, two fingers. Keys: arrows follow the edges, + and − zoom, 0 fits.
      </p>
    </div>
  );
}
