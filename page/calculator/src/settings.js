// What can be changed about a network without changing its file: sliders and fields for what applies to it.

const FIELDS = [
  { key: "variant", label: "Variant", type: "select" },
  { key: "input", label: "Input size", type: "text", slider: true },
  { key: "width", label: "Width multiplier", type: "number", slider: true, min: 0.1, max: 2, step: 0.05, initial: "1" },
  { key: "batch", label: "Batch", type: "number", min: 1, step: 1 },
  { key: "precision", label: "Precision", type: "text", list: "precisions", hint: "float32" },
  { key: "unknown", label: "Skip operators that flopcount does not know", type: "checkbox" },
];

export class Settings {
  constructor(parent, precisions, changed) {
    this.changed = changed;
    this.fields = new Map(FIELDS.map((field) => [field.key, this.made(field, parent)]));
    const list = element("datalist", { id: "precisions" });
    list.append(...precisions.map((value) => element("option", { value })));
    parent.append(list);
    this.clear();
  }

  made(field, parent) {
    const id = `setting-${field.key}`;
    const box = element("div", { className: field.type === "checkbox" ? "field check" : `field${field.slider || field.type === "number" ? "" : " wide"}` });
    const label = element("label", { htmlFor: id, textContent: field.label });
    const control = element(field.type === "select" ? "select" : "input", { id });
    if (field.type !== "select") control.type = field.type;
    for (const name of ["min", "step"]) if (field[name] !== undefined) control[name] = name === "step" && field.slider ? "any" : field[name];
    if (field.list) control.setAttribute("list", field.list);
    if (field.hint) control.placeholder = field.hint;
    if (field.type === "text") Object.assign(control, { autocomplete: "off", spellcheck: false });
    const slider = field.slider ? element("input", { type: "range", min: field.min ?? 1, max: field.max ?? 100, step: field.step ?? 1 }) : undefined;
    slider?.setAttribute("aria-label", `${field.label}, slider`);
    slider?.addEventListener("input", () => {
      control.value = slider.value;
      this.changed();
    });
    control.addEventListener("input", () => {
      if (slider && Number(control.value)) slider.value = control.value;
      this.changed();
    });
    box.append(...(field.type === "checkbox" ? [control, label] : [label, ...(slider ? [slider] : []), control]));
    parent.append(box);
    return { ...field, box, control, slider };
  }

  /** Return the settings that differ from what the file says. */
  get values() {
    const found = {};
    for (const [key, { control, type, initial, box }] of this.fields) {
      const value = type === "checkbox" ? control.checked : control.value.trim();
      if (!box.hidden && value && value !== (initial ?? "")) found[key] = value;
    }
    return found;
  }

  set(values) {
    for (const [key, field] of this.fields) {
      const value = values[key] ?? "";
      if (field.type === "checkbox") field.control.checked = Boolean(value);
      else if (field.type === "select" && value && ![...field.control.options].some((each) => each.value === value)) {
        field.control.append(element("option", { value, textContent: value }));
        field.control.value = value;
      } else field.control.value = value || (field.initial ?? "");
      if (field.slider) field.slider.value = Number(field.control.value) || field.slider.value;
      if (value) field.box.hidden = false;
    }
  }

  /** Forget the settings of another network. */
  clear() {
    const { control } = this.fields.get("variant");
    control.replaceChildren(element("option", { value: "", textContent: "as written" }));
    this.set({});
    for (const { key, box } of this.fields.values()) box.hidden = ["variant", "input", "unknown"].includes(key);
  }

  /** Show what applies to a network, with the sizes of its file. */
  show({ inputs, sizes, variants, applies, foreign, batch }) {
    const show = (key, isShown) => {
      const { box } = this.fields.get(key);
      box.hidden = !isShown && !(key in this.values);
    };
    const variant = this.fields.get("variant");
    const kept = variant.control.value;
    variant.control.replaceChildren(...["", ...variants].map((value) => element("option", { value, textContent: value || "as written" })));
    if (kept && !variants.includes(kept)) variant.control.append(element("option", { value: kept, textContent: kept }));
    variant.control.value = kept;
    show("variant", variants.length > 0);
    show("width", applies.width);
    show("batch", applies.batch);
    show("input", applies.size);
    show("unknown", foreign);
    this.fields.get("batch").control.placeholder = String(batch ?? 1);
    this.sizes(sizes, Object.keys(inputs).length);
  }

  /** A slider for inputs whose sizes are all the same, in steps that keep maps whole. */
  sizes(sizes, count) {
    const field = this.fields.get("input");
    const [size] = sizes;
    const isUntouched = !field.control.value || field.control.value === field.initial;
    const isSquare = count === 1 && sizes.length > 0 && sizes.every((each) => each === size);
    field.slider.hidden = !isSquare;
    field.initial = isSquare ? String(size) : sizes.join("x");
    if (isSquare) {
      const step = [32, 16, 8, 4].find((each) => size % each === 0 && size > each) ?? 1;
      Object.assign(field.slider, { min: step, max: Math.max(2 * size, 16 * step), step });
    }
    if (isUntouched) field.control.value = field.initial;
    if (isSquare) field.slider.value = Number(field.control.value) || size;
  }
}

export function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
