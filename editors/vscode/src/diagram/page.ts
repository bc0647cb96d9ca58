// What runs in the page of the diagram: it draws, and lets the reader move and zoom.
import mermaid from "mermaid";

declare function acquireVsCodeApi(): { postMessage(message: unknown): void };

const editor = acquireVsCodeApi();
const view = element("view");
const diagram = element("diagram");
const text: string = JSON.parse(element("text").textContent ?? '""');

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(id);
  return found;
}

async function draw(): Promise<void> {
  const isDark = document.body.matches(".vscode-dark, .vscode-high-contrast:not(.vscode-high-contrast-light)");
  mermaid.initialize({
    startOnLoad: false,
    // The names come from the code of others: none of them is taken for markup.
    securityLevel: "strict",
    theme: isDark ? "dark" : "default",
    maxTextSize: 10_000_000,
    maxEdges: 20_000,
    er: { useMaxWidth: false },
  });
  if (!/^\s{2,}\S+.*\{/m.test(text)) {
    diagram.innerHTML = "";
    const said = document.createElement("p");
    said.id = "said";
    said.textContent = "No models, migrations or SQL files describe a table here.";
    diagram.append(said);
    editor.postMessage({ kind: "drawn", tables: 0 });
    return;
  }
  const { svg } = await mermaid.render("schema", text);
  diagram.innerHTML = svg;
  const drawn = diagram.querySelector("svg");
  if (drawn === null) throw new Error("nothing was drawn");
  const natural = drawn.viewBox.baseVal;
  let scale = 1;
  const zoom = (to: number) => {
    scale = Math.min(4, Math.max(0.05, to));
    drawn.style.width = `${natural.width * scale}px`;
    drawn.style.height = `${natural.height * scale}px`;
    drawn.style.maxWidth = "none";
  };
  const fit = () => zoom(Math.min(1, (view.clientWidth - 48) / natural.width, (view.clientHeight - 48) / natural.height));
  zoom(Math.min(1, Math.max(0.4, (view.clientWidth - 48) / natural.width)));
  element("in").addEventListener("click", () => zoom(scale * 1.25));
  element("out").addEventListener("click", () => zoom(scale / 1.25));
  element("fit").addEventListener("click", fit);
  view.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(scale * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
    },
    { passive: false },
  );
  view.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    const start = { x: view.scrollLeft + down.clientX, y: view.scrollTop + down.clientY };
    const move = (event: PointerEvent) => view.scrollTo(start.x - event.clientX, start.y - event.clientY);
    view.setPointerCapture(down.pointerId);
    view.addEventListener("pointermove", move);
    view.addEventListener("pointerup", () => view.removeEventListener("pointermove", move), { once: true });
  });
  editor.postMessage({ kind: "drawn", tables: drawn.querySelectorAll("g.node").length });
}

draw().catch((error: unknown) => {
  const reason = error instanceof Error ? error.message : String(error);
  diagram.textContent = `The diagram cannot be drawn: ${reason}`;
  editor.postMessage({ kind: "failed", reason });
});
