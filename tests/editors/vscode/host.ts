// Runs tests in VS Code's extension host: the page is told to load them, and says how they ended.
import { parseArgs } from "node:util";
import { openBrowser } from "./screen/browser";

const { values } = parseArgs({
  options: { url: { type: "string" }, workspace: { type: "string" }, extension: { type: "string" }, tests: { type: "string" } },
});
const { url = "", workspace = "", extension = "", tests = "" } = values;

async function main(): Promise<number> {
  const browser = await openBrowser();
  const page = await (await browser.newContext({ viewport: { width: 1200, height: 800 } })).newPage();
  let counted: string | undefined;
  const ended = new Promise<number>((resolve) => {
    const timer = setTimeout(() => {
      console.log("FAIL the extension host did not end in time");
      resolve(1);
    }, 240_000);
    void page.exposeFunction("codeAutomationLog", (_kind: string, words: unknown[]) => {
      const line = words.map((word) => (typeof word === "string" ? word : JSON.stringify(word))).join(" ");
      const said = /^test: (.*)/s.exec(line)?.[1];
      const count = said === undefined ? null : /^counted (\d+) (\d+)$/.exec(said);
      if (count) counted = `${count[1]} passed, ${count[2]} failed`;
      else if (said !== undefined) console.log(said);
      else if (process.env["AUDITLINE_TEST_DEBUG"]) console.log(`[log] ${line}`);
    });
    void page.exposeFunction("codeAutomationExit", (code: number) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
  const remote = (path: string) => `vscode-remote://${new URL(url).host}${path}`;
  const payload = [
    ["extensionDevelopmentPath", remote(extension)],
    ["extensionTestsPath", remote(tests)],
    ["skipWelcome", "true"],
  ];
  await page.goto(`${url}/?workspace=${encodeURIComponent(workspace)}&payload=${encodeURIComponent(JSON.stringify(payload))}`);
  const code = await ended;
  await browser.close();
  console.log(counted ?? "0 passed, 1 failed");
  return code === 0 && counted !== undefined ? 0 : 1;
}

void main().then((code) => process.exit(code));
