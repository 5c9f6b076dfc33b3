// The memory curve and the roofline.
export function MemoryCurve() {
  return null;
}

export function Roofline() {
  return null;
}
