//! The first words of real editors, as they were recorded.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, apply, codes, find, uri};

fn recorded(name: &str, root: &Path) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/initialize/{name}.json"));
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.replace("file:///srv/project", &uri(root)).replace("/srv/project", root.to_str().unwrap());
    let mut params: Value = serde_json::from_str(&text).unwrap();
    // The process that was recorded is long gone.
    params["processId"] = json!(std::process::id());
    params
}

async fn greet(name: &str, encoding: &str, pulls: bool, markdown: bool, resolves: bool) {
    let shop = Shop::new();
    let mut client = TestClient::start();
    client.ignore("textDocument/publishDiagnostics");
    client.initialize(recorded(name, shop.root())).await;
    assert_eq!(client.server_capabilities["positionEncoding"], encoding, "{name}");
    assert_eq!(client.server_capabilities.get("diagnosticProvider").is_some(), pulls, "{name}");
    assert_eq!(client.server_capabilities["codeActionProvider"]["resolveProvider"], resolves, "{name}");

    let cart = shop.path("app/cart.py");
    let text = client.open_file(&cart).await;
    let found = if pulls { client.pull(&cart).await } else { client.published(&cart, Some(1)).await };
    assert_eq!(codes(&found), ["AUD201"], "{name}");

    let (line, column) = find(&text, "item.stock -= quantity");
    let hover = client.hover(&cart, line, column).await;
    assert_eq!(hover["contents"]["kind"], if markdown { "markdown" } else { "plaintext" }, "{name}");

    let actions = client.actions(&cart, line, column, None).await;
    let mut lock = actions[0].clone();
    assert!(lock["title"].as_str().unwrap().starts_with("Lock the load"), "{name}");
    if resolves {
        lock = client.request("codeAction/resolve", lock).await.unwrap();
    }
    assert!(lock["edit"]["documentChanges"].is_array() || lock["edit"]["changes"].is_object(), "{name}: {lock:#}");
    client.finish().await;
}

/// ALE counts Unicode characters where the protocol counts UTF-16: on a line where the two differ it gets whole lines.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_names_no_encoding_gets_whole_lines_where_columns_differ() {
    for (name, whole) in [("ale", true), ("emacs", true), ("vscode", false)] {
        let shop = Shop::new();
        let cart = shop.path("app/cart.py");
        let text = shop.read("app/cart.py").replace("    item = db.query", "    note = \"🛒\"; item = db.query");
        let mut client = TestClient::start();
        client.ignore("textDocument/publishDiagnostics");
        client.initialize(recorded(name, shop.root())).await;
        client.did_open(&cart, &text).await;
        let (line, column) = find(&text, "item.stock -= quantity");
        let mut lock = client.actions(&cart, line, column, None).await.swap_remove(0);
        if lock["edit"].is_null() {
            lock = client.request("codeAction/resolve", lock).await.unwrap();
        }
        let edits = lock["edit"].pointer("/documentChanges/0/edits").cloned();
        let edits = edits.unwrap_or_else(|| lock["edit"]["changes"][uri(&cart)].clone());
        let (start, end) = (&edits[0]["range"]["start"], &edits[0]["range"]["end"]);
        let (load, _) = find(&text, "note = ");
        assert_eq!(*start == json!({ "line": load, "character": 0 }), whole, "{name}: {edits:#}");
        assert_eq!(*end == json!({ "line": load + 1, "character": 0 }), whole, "{name}: {edits:#}");
        let expected = text.replace("Item.sku == sku).first()", "Item.sku == sku).with_for_update().first()");
        assert_eq!(apply(&lock["edit"], &cart, &text), expected, "{name}");
        client.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vscode() {
    greet("vscode", "utf-16", true, true, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neovim() {
    // It pulls, but cannot be asked to pull again.
    greet("nvim", "utf-8", false, true, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kakoune() {
    greet("kak", "utf-8", false, true, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn emacs() {
    greet("emacs", "utf-16", false, false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vim_with_ale() {
    greet("ale", "utf-16", false, false, false).await;
}
