// Where the keyboard goes in the graph, and which box a path of the page is.

const FARTHEST = 500;

export function nodesByPath({ top }) {
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

export function linksOf(drawing) {
  const [after, before] = [new Map(), new Map()];
  for (const { source, target } of drawing?.edges ?? []) {
    after.set(source, [...(after.get(source) ?? []), target]);
    before.set(target, [...(before.get(target) ?? []), source]);
  }
  return { after: (node) => after.get(node) ?? [], before: (node) => before.get(node) ?? [] };
}

export function nearest(box, nodes, boxAt) {
  const distance = (node) => {
    const other = boxAt.get(node.id);
    return Math.abs(other.x + other.width / 2 - box.x - box.width / 2) + Math.abs(other.y - box.y);
  };
  return [...nodes].sort((one, other) => distance(one) - distance(other))[0];
}

/** Return the nearest node to the left or right, of the same block if there is one; what an edge leads to is not beside. */
export function beside(box, boxes, way, links) {
  const middle = (each) => each.x + each.width / 2;
  const linked = new Set([...links.before(box.node), ...links.after(box.node)]);
  const near = boxes.filter((each) => (middle(each) - middle(box)) * way > 1 && !linked.has(each.node));
  const distance = (each) =>
    Math.abs(middle(each) - middle(box)) +
    3 * Math.abs(each.y - box.y) +
    (each.node.parent === box.node.parent ? 0 : FARTHEST);
  const found = near.sort((one, other) => distance(one) - distance(other))[0];
  return found && Math.abs(found.y - box.y) < FARTHEST ? found.node : null;
}

export function startOf(boxes) {
  return boxes.reduce((one, other) => (other.node.first < one.node.first ? other : one));
}

export function endOf(boxes) {
  return boxes.reduce((one, other) => (other.node.last > one.node.last ? other : one));
}
