// The graph of a network.
export function Graph() {
  return null;
}
