// What a person sees: drives VS Code in Chromium by mouse and keys, and looks at the screen and at the disk.
import * as assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { openBrowser } from "./browser";
import { Desk } from "./desk";

const { values } = parseArgs({
  options: { url: { type: "string" }, projects: { type: "string" }, server: { type: "string" }, out: { type: "string" } },
});
const { url = "", projects = "", server = "", out = "" } = values;
const storefront = path.join(projects, "storefront");
const onDisk = (file: string) => fs.readFileSync(path.join(storefront, file), "utf8");

let passed = 0;
let failed = 0;

/** One thing that must be so. What comes later builds on it. */
async function step(desk: Desk, name: string, look: () => Promise<void>): Promise<void> {
  const started = Date.now();
  try {
    await look();
    passed++;
    console.log(`ok   ${name} (${Date.now() - started} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    await desk.shot(`FAIL-${name.replaceAll(/\W+/g, "-")}`);
    throw new Failed();
  }
}

class Failed extends Error {}

/** What the tests select: the screen does not change with each new hazard. */
const SELECTED = ["AUD101", "AUD201", "AUD203", "AUD204", "AUD301", "AUD305", "AUD401", "AUD701"];

function commandLine(): { findings: { path: string; code: string }[] } {
  const words = ["check", "--exit-zero", "--output-format", "json", "--select", SELECTED.join(","), "."];
  return JSON.parse(execFileSync(server, words, { cwd: storefront, encoding: "utf8" }));
}

function git(...words: string[]): void {
  const identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.org", "-c", "commit.gpgsign=false"];
  execFileSync("git", [...identity, ...words], { cwd: storefront, stdio: "ignore" });
}

/** The settings of the workspace, as a person writes them. */
function settings(theme: "Dark" | "Light"): void {
  const folder = path.join(storefront, ".vscode");
  fs.mkdirSync(folder, { recursive: true });
  const written = { "workbench.colorTheme": `Default ${theme} Modern`, "auditline.select": SELECTED };
  fs.writeFileSync(path.join(folder, "settings.json"), JSON.stringify(written));
}

async function diagnostics(desk: Desk): Promise<void> {
  const { page } = desk;
  await step(desk, "the workbench opens a file", () => desk.open(storefront, "app/services/wallets.py"));
  await step(desk, "a squiggle stands under the write", async () => {
    await page.waitForSelector(".squiggly-warning");
    const squiggle = await page.locator(".squiggly-warning").first().boundingBox();
    const spot = await desk.spot("wallet.balance += amount");
    assert.ok(squiggle && squiggle.y <= spot.y && spot.y <= squiggle.y + squiggle.height, JSON.stringify(squiggle));
  });
  await step(desk, "the status item counts what the command line finds", async () => {
    const expected = `Auditline ${commandLine().findings.length}`;
    await desk.until(expected, async () => (await desk.statusItem()) === expected);
  });
  await step(desk, "the Problems panel lists the findings of closed files, too", async () => {
    await desk.command("Problems: Focus on Problems View");
    await page.waitForSelector(".markers-panel .monaco-list-row");
    const text = async () => (await page.locator(".markers-panel").innerText()).replaceAll("\u00a0", " ");
    // The first file of the list is one that nobody has opened.
    for (const expected of ["assistant.py", "get_session keeps one session in the global _session", "AUD301"]) {
      await desk.until(expected, async () => (await text()).replaceAll("`", "").includes(expected));
    }
    await desk.shot("problems");
    await desk.command("View: Toggle Panel Visibility");
    await page.waitForSelector(".markers-panel", { state: "hidden" });
  });
}

async function hover(desk: Desk, theme: "dark" | "light"): Promise<void> {
  await step(desk, `the hover tells the story, ${theme}`, async () => {
    await desk.page.waitForSelector(theme === "dark" ? ".monaco-workbench.vs-dark" : ".monaco-workbench.vs");
    const text = await desk.hover("wallet.balance", /Request B/);
    for (const expected of ["AUD201 unlocked-read-modify-write", "Request A", "Request B", "Lock the load of Wallet"]) {
      assert.ok(text.includes(expected), `${expected} in ${text}`);
    }
    await desk.shot(`hover-${theme}`);
    await desk.away();
  });
}

async function quickFix(desk: Desk): Promise<void> {
  const { page } = desk;
  await step(desk, "the light bulb offers the safe fix first", async () => {
    await desk.cursor("wallet.balance += amount");
    await page.locator(".lightBulbWidget:visible, .glyph-margin-widgets [class*='lightbulb']:visible").first().click();
    const rows = page.locator(".action-widget .monaco-list-row.action");
    await rows.first().waitFor();
    const titles = (await rows.allInnerTexts()).map((title) => title.trim());
    assert.deepEqual(titles.slice(0, 2), [
      "Lock the load of `Wallet`",
      "Compute `balance` in SQL from `Wallet.balance` (changes behaviour)",
    ]);
    await desk.shot("quick-fix");
  });
  await step(desk, "the fix is applied, and the squiggle goes", async () => {
    await page.locator(".action-widget .monaco-list-row.action").first().click();
    await desk.untilLine("            .with_for_update()");
    await page.waitForSelector(".squiggly-warning", { state: "detached" });
  });
  await step(desk, "it is on the disk once it is saved", async () => {
    const before = onDisk("app/services/wallets.py");
    const load = "            .where(Wallet.user_id == user_id)\n        )\n    ).scalar_one()";
    const expected = before.replace(load, load.replace(")\n        )", ")\n            .with_for_update()\n        )"));
    assert.notEqual(expected, before);
    await desk.focusEditor();
    await page.keyboard.press("Control+KeyS");
    // While VS Code writes the file is empty for a moment.
    await desk.until("the fix on the disk", async () => onDisk("app/services/wallets.py") === expected);
  });
}

async function unsafeFix(desk: Desk): Promise<void> {
  const { page } = desk;
  const written = "filter_by(payment_intent=intent)";
  await step(desk, "an unsafe fix waits in the preview", async () => {
    await desk.go("app/repositories/orders.py");
    await page.waitForSelector(".squiggly-error");
    await desk.cursor("payment_intent=intent");
    await page.locator(".lightBulbWidget:visible, .glyph-margin-widgets [class*='lightbulb']:visible").first().click();
    const row = page.locator(".action-widget .monaco-list-row.action", { hasText: "Rename to" });
    await row.click();
    const change = page.locator(".bulk-edit-panel .monaco-list-row", { hasText: "payment_intent_id" });
    await change.waitFor();
    assert.ok((await desk.lines()).some((line) => line.includes(written)), "the document is as it was");
    assert.equal(await change.locator("input, .monaco-checkbox").first().isChecked(), false);
    await desk.shot("unsafe-fix");
    await change.locator("input, .monaco-checkbox").first().click();
  });
  await step(desk, "and is applied when it is confirmed", async () => {
    await page.locator(".bulk-edit-panel .monaco-button", { hasText: "Apply" }).click();
    await desk.until("the new name", async () => (await desk.lines()).some((line) => line.includes("payment_intent_id=intent")));
    await page.waitForSelector(".editor-instance .squiggly-error", { state: "detached" });
  });
}

async function audit(desk: Desk): Promise<void> {
  const { page } = desk;
  await step(desk, "the tree groups the findings", async () => {
    await page.locator('.activitybar a.action-label[aria-label^="Auditline"]').click();
    await desk.until("families", async () => {
      const rows = await desk.rows();
      return rows.some((row) => row.startsWith("Races")) && rows.some((row) => row.includes("Collection.followers"));
    });
    // Every group holds what belongs to it.
    const codes: Record<string, RegExp> = { Transactions: /AUD1/, Sessions: /AUD3/, Schema: /AUD4/, Delivery: /AUD7/, Races: /AUD2/ };
    await desk.until("every finding in its family", async () => {
      let expected = /^$/;
      return (await desk.rows()).every((row) => {
        const family = Object.keys(codes).find((name) => row.startsWith(name));
        if (family !== undefined) expected = codes[family] ?? expected;
        return family !== undefined || /^(Errors|Warnings|Information)/.test(row) || expected.test(row);
      });
    });
    await desk.away();
    await desk.shot("audit");
  });
  await step(desk, "a finding of the tree opens where it stands", async () => {
    await page.locator(".customview-tree .monaco-list-row", { hasText: "Collection.followers" }).click();
    await desk.untilOpen("app/api/catalog.py");
    await desk.until("the place", async () => (await desk.lines()).some((line) => line.includes("followers")));
  });
  await step(desk, "a text filters the tree", async () => {
    await desk.press("Filter the Audit by Text");
    await page.locator(".quick-input-widget:visible .quick-input-box input").fill("webhook subscription");
    await page.keyboard.press("Enter");
    await desk.until("one finding", async () => (await desk.rows()).filter((row) => row.includes(".py:")).length === 1);
    assert.ok((await desk.rows()).some((row) => row.includes("Subscription is loaded without a lock")));
    await page.locator(".sidebar", { hasText: "“webhook subscription”" }).waitFor();
    await desk.away();
    await desk.shot("audit-filtered");
    await desk.press("Clear the Audit");
    await desk.until("all findings", async () => (await desk.rows()).filter((row) => row.includes(".py:")).length > 2);
  });
  await step(desk, "only files that I changed are shown on demand", async () => {
    fs.appendFileSync(path.join(storefront, "app/services/billing.py"), "\n# changed\n");
    await desk.press("Show Only Files I Changed");
    await desk.until("the changed file alone", async () => {
      const rows = (await desk.rows()).filter((row) => /\.py:|Dockerfile:/.test(row));
      return rows.length === 1 && rows[0]?.includes("billing.py");
    });
    await desk.press("Show All Files");
    await desk.until("all findings", async () => (await desk.rows()).filter((row) => row.includes(".py:")).length > 2);
  });
  await step(desk, "the tree can be turned round", async () => {
    await desk.command("Auditline: Group by Severity, then Family");
    await desk.until("severities on top", async () => (await desk.rows())[0]?.startsWith("Errors"));
    await desk.command("Auditline: Group by Family, then Severity");
    await desk.until("families on top", async () => (await desk.rows())[0]?.startsWith("Errors") === false);
  });
}

async function explain(desk: Desk): Promise<void> {
  const { page } = desk;
  await step(desk, "a hazard is explained by its page", async () => {
    await desk.command("Auditline: Explain Hazard");
    const input = page.locator(".quick-input-widget:visible .quick-input-box input");
    await input.fill("lost");
    await input.fill("AUD201");
    await page.locator(".quick-input-widget:visible .monaco-list-row.focused", { hasText: "unlocked-read" }).waitFor();
    await page.keyboard.press("Enter");
    await desk.until("the page", async () => {
      for (const frame of page.frames()) {
        const heading = frame.locator("h1", { hasText: "AUD201 unlocked-read-modify-write" });
        if ((await heading.count().catch(() => 0)) > 0) return true;
      }
      return false;
    });
    await desk.away();
    await desk.shot("explain");
  });
}

async function report(desk: Desk): Promise<void> {
  const { page } = desk;
  await step(desk, "the report of the workspace is a page that leads into the code", async () => {
    await desk.command("Auditline: Show Audit Report of the Workspace");
    const link = await desk.until("the report", async () => {
      for (const frame of page.frames()) {
        const heading = frame.locator("h1", { hasText: "Audit of storefront" });
        if ((await heading.count().catch(() => 0)) > 0) return frame.locator("article a", { hasText: "app/jobs/nightly.py:" }).first();
      }
      return undefined;
    });
    await desk.away();
    await desk.shot("report");
    await link.click();
    await desk.untilOpen("app/jobs/nightly.py");
  });
}

async function diagram(desk: Desk): Promise<void> {
  const { page } = desk;
  await step(desk, "the schema is drawn: tables, columns, and how they hang together", async () => {
    await desk.command("Auditline: Show Schema Diagram");
    const frame = await desk.until("the diagram", async () => {
      for (const frame of page.frames()) {
        if ((await frame.locator("#diagram svg g.node").count().catch(() => 0)) > 5) return frame;
      }
      return undefined;
    });
    const text = await frame.locator("#diagram svg").textContent();
    for (const expected of ["orders", "products", "loyalty_points", "FK"]) {
      assert.ok(text?.includes(expected), `${expected} in ${text}`);
    }
    assert.ok((await frame.locator("#diagram svg .relationshipLine, #diagram svg path.edge-pattern-solid").count()) > 0);
    await frame.locator("#fit").click();
    await desk.away();
    await desk.shot("schema");
    const before = await frame.locator("#diagram svg").boundingBox();
    await frame.locator("#in").click();
    const after = await frame.locator("#diagram svg").boundingBox();
    assert.ok(before && after && after.width > before.width, JSON.stringify([before, after]));
    await desk.shot("schema-zoomed");
  });
}

async function walkthrough(desk: Desk): Promise<void> {
  const { page } = desk;
  await step(desk, "the walkthrough leads through the first start", async () => {
    await desk.command("Welcome: Open Walkthrough");
    const input = page.locator(".quick-input-widget:visible .quick-input-box input");
    await input.fill("Get Started with Auditline");
    await page.locator(".quick-input-widget:visible .monaco-list-row.focused", { hasText: "Auditline" }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator(".gettingStartedContainer", { hasText: "Look through the audit" }).waitFor();
    const steps = page.locator(".gettingStartedContainer .step-list-container .getting-started-step");
    await desk.until("six steps", async () => (await steps.count()) === 6);
    await steps.filter({ hasText: "Look through the audit" }).click();
    // Beside the side bar there is no room for the picture.
    await page.keyboard.press("Control+KeyB");
    await page.locator(".gettingStartedContainer img[alt='The tree Audit beside an editor']").waitFor();
    await desk.away();
    await desk.shot("walkthrough");
  });
}

async function main(): Promise<void> {
  settings("Dark");
  git("init", "--quiet");
  git("add", "--all");
  git("commit", "--quiet", "--message", "As it was");
  const browser = await openBrowser();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: 2 });
  // What would leave this machine is stopped: it could only hang.
  const isRemote = (address: URL) => /^https?:$/.test(address.protocol) && !["127.0.0.1", "localhost"].includes(address.hostname);
  await context.route(isRemote, (route) => route.abort());
  const desk = new Desk(await context.newPage(), url, out);
  try {
    await diagnostics(desk);
    await hover(desk, "dark");
    settings("Light");
    await hover(desk, "light");
    settings("Dark");
    await desk.page.waitForSelector(".monaco-workbench.vs-dark");
    await quickFix(desk);
    await unsafeFix(desk);
    await audit(desk);
    await explain(desk);
    await report(desk);
    await diagram(desk);
    await walkthrough(desk);
  } catch (error) {
    if (!(error instanceof Failed)) {
      failed++;
      console.log(`FAIL the script: ${String(error)}`);
    }
  }
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

void main();
