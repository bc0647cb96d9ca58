import { NotificationType, RequestType, RequestType0 } from "vscode-languageclient/node";

/** A hazard of the catalogue. */
export interface Hazard {
  readonly code: string;
  readonly name: string;
  readonly family: string;
  readonly severity: string;
  readonly summary: string;
  readonly url: string;
}

/** The page of a hazard. */
export interface Explanation {
  readonly code: string;
  readonly name: string;
  readonly markdown: string;
}

/** How far the server is with the workspaces. */
export interface Status {
  readonly workspaces: readonly { readonly uri: string; readonly state: "indexing" | "ready" }[];
}

/** The audit report of a workspace, as a page. */
export interface ReportPage {
  readonly name: string;
  readonly html: string;
}

export const reportRequest = new RequestType0<ReportPage[], void>("auditline/report");
export const hazardsRequest = new RequestType0<Hazard[], void>("auditline/hazards");
export const explainRequest = new RequestType<{ hazard: string }, Explanation, void>("auditline/explain");
export const statusNotification = new NotificationType<Status>("auditline/status");
