// The list of bundled networks: a combobox that filters as one types.
import { element } from "./settings.js";

export function networkList(input, list, networks, chosen) {
  let shown = [];
  let active = -1;

  function open() {
    const words = input.value.toLowerCase().split(/[\s_-]+/).filter(Boolean);
    const text = (each) => `${each.name} ${each.description}`.toLowerCase();
    const isFirst = (each) => each.name.toLowerCase().startsWith(words[0] ?? "");
    shown = networks.filter((each) => words.every((word) => text(each).includes(word)));
    shown.sort((one, other) => isFirst(other) - isFirst(one));
    list.replaceChildren(
      ...shown.map((each, index) => {
        const item = element("li", { id: `network-${index}` });
        item.setAttribute("role", "option");
        item.append(each.name, element("small", { textContent: `${each.macs} MACs · ${each.description}` }));
        item.addEventListener("mousedown", (event) => event.preventDefault());
        item.addEventListener("click", () => choose(index));
        return item;
      }),
    );
    if (!shown.length) list.replaceChildren(element("li", { textContent: "no bundled network has these words" }));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    move(shown.length && input.value ? 0 : -1);
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function move(index) {
    active = index;
    [...list.children].forEach((item, number) => item.setAttribute("aria-selected", String(number === active)));
    if (active < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `network-${active}`);
    list.children[active].scrollIntoView({ block: "nearest" });
  }

  function choose(index) {
    const { name } = shown[index];
    input.value = name;
    close();
    chosen(name);
  }

  input.addEventListener("input", open);
  input.addEventListener("click", () => list.hidden && open());
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (list.hidden) open();
      else if (shown.length) move((active + step + shown.length) % shown.length);
    } else if (event.key === "Enter" && !list.hidden && active >= 0) {
      event.preventDefault();
      choose(active);
    } else if (event.key === "Escape") close();
  });
}
