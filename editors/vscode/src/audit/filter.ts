/** What of the findings the tree shows. */
export interface Filter {
  /** Every word must occur in the message, the file, the code or the name of the hazard. */
  readonly text: string;
  /** The families that are shown; all, where there are none. */
  readonly families: readonly string[];
  /** Only files that differ from the last commit. */
  readonly onlyChanged: boolean;
}

export const EVERYTHING: Filter = { text: "", families: [], onlyChanged: false };

/** What of a finding a filter looks at. */
export interface Filtered {
  readonly code: string;
  readonly hazard: string;
  readonly family: string;
  readonly message: string;
  readonly path: string;
}

/** Whether a finding is shown; `changed` says which files differ from the last commit. */
export function shows(filter: Filter, finding: Filtered, changed: (path: string) => boolean): boolean {
  if (filter.families.length > 0 && !filter.families.includes(finding.family)) return false;
  if (filter.onlyChanged && !changed(finding.path)) return false;
  const text = [finding.code, finding.hazard, finding.message, finding.path].join("\n").toLowerCase();
  return words(filter.text).every((word) => text.includes(word));
}

/** Whether anything is left out at all. */
export function isActive(filter: Filter): boolean {
  return words(filter.text).length > 0 || filter.families.length > 0 || filter.onlyChanged;
}

/** What is left out, in words. */
export function describe(filter: Filter): string {
  const parts: string[] = [];
  if (words(filter.text).length > 0) parts.push(`“${filter.text.trim()}”`);
  if (filter.families.length > 0) parts.push(filter.families.join(", "));
  if (filter.onlyChanged) parts.push("only files I changed");
  return parts.join(" · ");
}

function words(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter((word) => word !== "");
}
