// What the charts draw with: a plot as wide as the page, with elements on top of it.
import { plot } from "@observablehq/plot";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Draw a plot as wide as the page lets it: `options` is a function of the width; `children` of the scales lie on top. */
export function Figure({ options, label, children, ...rest }) {
  const box = useRef(null);
  const drawn = useRef(null);
  const [width, setWidth] = useState(0);
  const [scales, setScales] = useState(null);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (!width) return;
    const figure = plot({ width, ...options(width) });
    figure.setAttribute("aria-hidden", "true");
    drawn.current.replaceChildren(figure);
    setScales({
      x: figure.scale("x"),
      y: figure.scale("y"),
      r: figure.scale("r"),
      width,
      height: figure.height?.baseVal.value,
    });
  }, [width, options]);
  return (
    <div class="figure" ref={box} {...rest}>
      <div class="drawn" ref={drawn} role="img" aria-label={label} />
      {scales && children(scales)}
    </div>
  );
}

/** Return the position of a pointer in an element. */
export function pointAt(event) {
  const { left, top } = event.currentTarget.getBoundingClientRect();
  return { x: event.clientX - left, y: event.clientY - top };
}

/** Return the largest of numbers, however many. */
export function largest(numbers) {
  return numbers.reduce((one, other) => Math.max(one, other), -Infinity);
}

/** Return the smallest of numbers. */
export function smallest(numbers) {
  return numbers.reduce((one, other) => Math.min(one, other), Infinity);
}
