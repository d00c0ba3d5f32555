// The few things that the page does with the document. Text from the server becomes text, never markup.

export const byId = (id) => document.getElementById(id);

/** An element; `properties` are properties of the node, children are nodes or texts. */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Write a text, and leave the node alone when it already says so. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Show a fault in words where it belongs; null takes it away. */
export function showFault(node, text) {
  node.hidden = !text;
  write(node, text ?? "");
}

const isCalm = matchMedia("(prefers-reduced-motion: reduce)");

/** Let a node light up in one of the theme's colours: `up`, `down`, or `note`. */
export function flash(node, colour) {
  if (isCalm.matches) return;
  const lit = getComputedStyle(document.documentElement).getPropertyValue(`--flash-${colour}`);
  node.animate([{ backgroundColor: lit }, { backgroundColor: "transparent" }], {
    duration: 700,
    easing: "ease-out",
  });
}
