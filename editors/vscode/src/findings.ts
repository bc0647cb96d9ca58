import * as vscode from "vscode";

/** A finding, as the server told it. */
export interface Finding {
  readonly uri: vscode.Uri;
  readonly diagnostic: vscode.Diagnostic;
  /** `AUD201`; empty for what is no hazard, such as a mistake in the configuration. */
  readonly code: string;
}

/** What every diagnostic of the server is signed with. */
const SOURCE = "auditline";

/** The code of a diagnostic, without the link to its page. */
export function codeOf(diagnostic: vscode.Diagnostic): string {
  const code = diagnostic.code;
  if (code === undefined) return "";
  return String(typeof code === "object" ? code.value : code);
}

function of(uri: vscode.Uri, diagnostics: readonly vscode.Diagnostic[]): Finding[] {
  const ours = diagnostics.filter((diagnostic) => diagnostic.source === SOURCE);
  return ours.map((diagnostic) => ({ uri, diagnostic, code: codeOf(diagnostic) }));
}

/** All findings of the workspace: by file, then by place. */
export function all(): Finding[] {
  const findings = vscode.languages.getDiagnostics().flatMap(([uri, diagnostics]) => of(uri, diagnostics));
  return findings.sort(compare);
}

/** The findings of one file. */
export function inFile(uri: vscode.Uri): Finding[] {
  return of(uri, vscode.languages.getDiagnostics(uri)).sort(compare);
}

export function compare(a: Finding, b: Finding): number {
  const [left, right] = [a.uri.toString(), b.uri.toString()];
  if (left !== right) return left < right ? -1 : 1;
  return a.diagnostic.range.start.compareTo(b.diagnostic.range.start);
}

/** The finding after a place, or before it; after the last one comes the first. */
export function neighbour(
  findings: readonly Finding[],
  uri: vscode.Uri | undefined,
  position: vscode.Position,
  step: 1 | -1,
): Finding | undefined {
  if (uri === undefined) return step === 1 ? findings[0] : findings.at(-1);
  const here = uri.toString();
  const order = (finding: Finding): number => {
    const there = finding.uri.toString();
    if (there !== here) return there < here ? -1 : 1;
    return finding.diagnostic.range.start.compareTo(position);
  };
  if (step === 1) return findings.find((finding) => order(finding) > 0) ?? findings[0];
  return findings.findLast((finding) => order(finding) < 0) ?? findings.at(-1);
}

/** Calls back, a moment after findings have come or gone. */
export function onDidChange(callback: () => void): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  const subscription = vscode.languages.onDidChangeDiagnostics(() => {
    timer ??= setTimeout(() => {
      timer = undefined;
      callback();
    }, 100);
  });
  return vscode.Disposable.from(subscription, new vscode.Disposable(() => clearTimeout(timer)));
}
