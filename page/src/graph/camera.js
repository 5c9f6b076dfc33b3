// What of the graph is seen: its layout in the room there is, and what moves and scales it.
import { select } from "d3-selection";
import { zoom as zooming, zoomIdentity } from "d3-zoom";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { arrange } from "./layout.js";
import { startOf } from "./walk.js";
import { measure } from "./words.js";

const SLICE = 40;
const FAR = 0.33;
const MOST_UNCLIPPED = 300;
const COARSE = 80;
const LEGIBLE = 0.7;
const PRINTED = { width: 690, height: 940, least: 0.6 };

/** Return the drawing of what is open; it is made in slices, between which the page answers. */
export function useArrangement(fold, open, canvas, isWide) {
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
    const steps = arrange(fold, open, cache, measure, {
      width,
      height: isWide ? window.innerHeight - 120 : mostHigh(),
    });
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
export function useCamera(canvas, drawing, isWide, anchor) {
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
      const k = Math.max(whole, LEGIBLE);
      canvas.current.style.height = `${Math.min(mostHigh(), all.height * k + 20)}px`;
      const first = all.boxes.length ? startOf(all.boxes) : { x: 0, width: all.width };
      const middle = width / 2 - (first.x + first.width / 2) * k;
      to(all.width * k <= width ? (width - all.width * k) / 2 : Math.min(8, middle), 8, k);
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

/** Return what of a large drawing is in view. */
export function clipped(drawing, { x, y, k, width, height }) {
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
export function printSizes({ width, height }) {
  const whole = Math.min(1, PRINTED.width / width, PRINTED.height / height);
  const k = Math.max(whole, Math.min(1, PRINTED.width / width, PRINTED.least));
  return { "--print-scale": k, "--print-height": `${Math.ceil(height * k)}px` };
}
