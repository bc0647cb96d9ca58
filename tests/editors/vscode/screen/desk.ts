import * as path from "node:path";
import type { Page } from "playwright-core";

/** The longest that anything on the screen is waited for. */
const PATIENCE_MS = 30_000;

/** A window of VS Code, used as a person uses it: keys, mouse, and what is to be seen. */
export class Desk {
  constructor(
    readonly page: Page,
    private readonly url: string,
    private readonly screenshots: string,
  ) {
    page.setDefaultTimeout(PATIENCE_MS);
  }

  /** Opens a folder with one of its files. */
  async open(folder: string, file: string): Promise<void> {
    const remote = `vscode-remote://${new URL(this.url).host}${path.join(folder, file)}`;
    const payload = JSON.stringify([["openFile", remote]]);
    await this.page.goto(`${this.url}/?folder=${encodeURIComponent(folder)}&payload=${encodeURIComponent(payload)}`);
    await this.page.waitForSelector(".monaco-workbench");
    await this.untilOpen(file);
  }

  /** Waits until that file is the one in front. */
  async untilOpen(file: string): Promise<void> {
    await this.page.waitForSelector(`.tab.active[data-resource-name="${path.basename(file)}"]`);
    await this.page.waitForSelector(".editor-instance .view-line");
  }

  async shot(name: string): Promise<void> {
    // What fades in has done so after this.
    await this.page.waitForTimeout(500);
    await this.page.screenshot({ path: path.join(this.screenshots, `${name}.png`), animations: "disabled" });
  }

  /** Opens a file by its name. */
  async go(file: string): Promise<void> {
    await this.focusEditor();
    await this.page.keyboard.press("Control+KeyP");
    const input = this.page.locator(".quick-input-widget:visible .quick-input-box input");
    await input.fill(file);
    const name = path.basename(file);
    await this.page.locator(".quick-input-widget:visible .monaco-list-row.focused", { hasText: name }).waitFor();
    await this.page.keyboard.press("Enter");
    await this.untilOpen(file);
  }

  /** Runs a command by its title. */
  async command(title: string): Promise<void> {
    await this.page.keyboard.press("F1");
    const input = this.page.locator(".quick-input-widget:visible .quick-input-box input");
    await input.fill(`>${title}`);
    await this.page.locator(".quick-input-widget:visible .monaco-list-row.focused", { hasText: title }).waitFor();
    await this.page.keyboard.press("Enter");
  }

  async focusEditor(): Promise<void> {
    await this.page.locator(".editor-instance .view-lines").first().click({ position: { x: 5, y: 5 } });
    await this.page.waitForSelector(".editor-instance .monaco-editor.focused");
  }

  /** Puts the cursor at a text of the document, which must be in sight. */
  async cursor(text: string): Promise<void> {
    const spot = await this.spot(text);
    await this.page.mouse.click(spot.x, spot.y);
    await this.page.waitForSelector(".editor-instance .monaco-editor.focused");
  }

  /** The lines of the document that are in sight. */
  async lines(): Promise<string[]> {
    return this.page.evaluate(() => {
      const lines = [...document.querySelectorAll<HTMLElement>(".editor-instance .view-line")];
      lines.sort((one, other) => parseFloat(one.style.top) - parseFloat(other.style.top));
      return lines.map((line) => (line.textContent ?? "").replaceAll("\u00a0", " "));
    });
  }

  async untilLine(expected: string): Promise<void> {
    await this.until(`the line ${expected}`, async () => (await this.lines()).includes(expected));
  }

  /** Where a text of the document stands on the screen: the middle of its first word. */
  async spot(text: string): Promise<{ x: number; y: number }> {
    return this.until(`${text} in sight`, () =>
      this.page.evaluate((wanted) => {
        for (const line of document.querySelectorAll<HTMLElement>(".editor-instance .view-line")) {
          const written = (line.textContent ?? "").replaceAll("\u00a0", " ");
          const at = written.indexOf(wanted);
          if (at < 0) continue;
          // The first characters of the text, wherever the spans of the line begin.
          const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
          let before = 0;
          for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
            const length = node.textContent?.length ?? 0;
            if (at < before + length) {
              const range = document.createRange();
              range.setStart(node, at - before);
              range.setEnd(node, Math.min(at - before + 2, length));
              const box = range.getBoundingClientRect();
              return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
            }
            before += length;
          }
        }
        return undefined;
      }, text),
    );
  }

  /** Points at a text, and returns what the hover says. */
  async hover(text: string, expected: RegExp): Promise<string> {
    const spot = await this.spot(text);
    await this.page.mouse.move(spot.x - 3, spot.y);
    await this.page.mouse.move(spot.x, spot.y, { steps: 4 });
    return this.until(`a hover with ${expected}`, async () => {
      const hovers = await this.page.locator(".monaco-hover:not(.hidden)").allInnerTexts();
      return hovers.find((hover) => expected.test(hover));
    });
  }

  /** Takes the mouse to where nothing happens. */
  async away(): Promise<void> {
    await this.page.mouse.move(250, 6);
    await this.until("no hover", async () => (await this.page.locator(".monaco-hover:not(.hidden):visible").count()) === 0);
  }

  async statusItem(): Promise<string> {
    const item = this.page.locator("#auditline\\.auditline\\.auditline\\.status, [id$='auditline.status']").first();
    return ((await item.textContent()) ?? "").trim();
  }

  /** The rows of the tree, from top to bottom. */
  async rows(): Promise<string[]> {
    return this.page.evaluate(() => {
      const rows = [...document.querySelectorAll<HTMLElement>(".pane-body .customview-tree .monaco-list-row")];
      rows.sort((one, other) => parseFloat(one.style.top) - parseFloat(other.style.top));
      return rows.map((row) => (row.querySelector(".monaco-icon-label")?.textContent ?? "").trim());
    });
  }

  /** Clicks a button in the title of the view; they show while the mouse is there. */
  async press(title: string): Promise<void> {
    await this.page.locator(".customview-tree").first().hover();
    await this.page.locator(`.sidebar a.action-label[aria-label^="${title}"]`).first().click();
  }

  async until<T>(what: string, look: () => Promise<T | undefined | false | null>): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const seen = await look();
      if (seen !== undefined && seen !== false && seen !== null) return seen;
      if (Date.now() > deadline) throw new Error(`never: ${what}`);
      await this.page.waitForTimeout(50);
    }
  }
}
