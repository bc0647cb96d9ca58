//! Fixes and comments, as a client is offered them.

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, apply, capabilities, codes, find, pulling, uri};

fn titles(actions: &[Value]) -> Vec<&str> {
    actions.iter().map(|action| action["title"].as_str().unwrap()).collect()
}

fn titled<'a>(actions: &'a [Value], part: &str) -> &'a Value {
    let found = actions.iter().find(|action| action["title"].as_str().unwrap().contains(part));
    found.unwrap_or_else(|| panic!("no action {part:?} in {:?}", titles(actions)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_is_offered_resolved_and_cures() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    assert_eq!(client.server_capabilities["codeActionProvider"]["resolveProvider"], true);
    let text = client.open_file(&cart).await;
    let (line, column) = find(&text, "stock -= quantity");
    let actions = client.actions(&cart, line, column, None).await;
    let lock = titled(&actions, "Lock the load");
    assert_eq!(actions.iter().position(|action| action == lock), Some(0), "{:?}", titles(&actions));
    assert_eq!(lock["kind"], "quickfix");
    assert_eq!(lock["isPreferred"], true);
    assert!(lock.get("edit").is_none());
    assert_eq!(codes(lock["diagnostics"].as_array().unwrap()), ["AUD201"]);
    assert_eq!(actions.iter().filter(|action| action["isPreferred"] == true).count(), 1);
    // The comment comes last and is nobody's favourite.
    assert!(actions.last().unwrap()["title"].as_str().unwrap().starts_with("Suppress AUD201"));

    let resolved = client.request("codeAction/resolve", lock.clone()).await.unwrap();
    assert_eq!(resolved["title"], lock["title"]);
    let change = &resolved["edit"]["documentChanges"][0];
    assert_eq!(change["textDocument"], json!({ "uri": uri(&cart), "version": 1 }));
    let cured = apply(&resolved["edit"], &cart, &text);
    assert!(cured.contains(".with_for_update()"), "{cured}");
    client.replace(&cart, 2, &cured).await;
    assert!(client.pull(&cart).await.is_empty());
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_for_an_older_version_is_refused() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = client.open_file(&cart).await;
    let (line, column) = find(&text, "item.stock -= quantity");
    let actions = client.actions(&cart, line, column, None).await;
    client.replace(&cart, 2, &format!("\n{text}")).await;
    let refused = client.request("codeAction/resolve", actions[0].clone()).await.unwrap_err();
    assert_eq!(refused["code"], -32801);
    // The same action of the new version is as good as ever.
    let actions = client.actions(&cart, line + 1, column, None).await;
    let resolved = client.request("codeAction/resolve", actions[0].clone()).await.unwrap();
    assert_eq!(resolved["edit"]["documentChanges"][0]["textDocument"]["version"], 2);
    client.did_close(&cart).await;
    assert_eq!(client.request("codeAction/resolve", actions[0].clone()).await.unwrap_err()["code"], -32801);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_resolve_gets_edits_at_once() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut capabilities = pulling();
    capabilities["textDocument"]["codeAction"].as_object_mut().unwrap().remove("resolveSupport");
    capabilities["workspace"]["workspaceEdit"] = Value::Null;
    let mut client = TestClient::open(shop.root(), capabilities).await;
    assert_eq!(client.server_capabilities["codeActionProvider"]["resolveProvider"], false);
    let text = client.open_file(&cart).await;
    let (line, column) = find(&text, "item.stock -= quantity");
    let actions = client.actions(&cart, line, column, None).await;
    for action in &actions {
        assert!(action.get("data").is_none());
        let edit = &action["edit"];
        assert!(edit.get("documentChanges").is_none() && edit["changes"][uri(&cart)].is_array(), "{action:#}");
        let cured = apply(edit, &cart, &text);
        client.replace(&cart, 2, &cured).await;
        assert!(client.pull(&cart).await.is_empty(), "{cured}");
        client.replace(&cart, 3, &text).await;
    }
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_actions_gets_commands() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut capabilities = pulling();
    capabilities["textDocument"]["codeAction"] = json!({});
    let mut client = TestClient::open(shop.root(), capabilities).await;
    let text = client.open_file(&cart).await;
    let (line, column) = find(&text, "item.stock -= quantity");
    let actions = client.actions(&cart, line, column, None).await;
    let lock = titled(&actions, "Lock the load");
    let command = lock["command"].as_str().unwrap();
    let offered = client.server_capabilities["executeCommandProvider"]["commands"].clone();
    assert!(offered.as_array().unwrap().iter().any(|offered| offered == command));
    let params = json!({ "command": command, "arguments": lock["arguments"] });
    assert_eq!(client.request("workspace/executeCommand", params.clone()).await, Ok(Value::Null));
    client.wait_until_asked("workspace/applyEdit", 1).await;
    let (_, asked) = client.asked.last().unwrap().clone();
    assert!(apply(&asked["edit"], &cart, &text).contains(".with_for_update()"));
    // Once the document has changed the command is void.
    client.replace(&cart, 2, &format!("\n{text}")).await;
    assert_eq!(client.request("workspace/executeCommand", params).await.unwrap_err()["code"], -32801);
    let unknown = json!({ "command": "auditline.other", "arguments": [] });
    assert_eq!(client.request("workspace/executeCommand", unknown).await.unwrap_err()["code"], -32602);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_asked_for_is_offered() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = client.open_file(&cart).await;
    let (line, column) = find(&text, "item.stock -= quantity");
    assert!(client.actions(&cart, line, column, Some(&["refactor"])).await.is_empty());
    assert!(client.actions(&cart, 0, 0, Some(&["quickfix"])).await.is_empty());
    for kind in ["source", "source.fixAll", "source.fixAll.auditline"] {
        // All of the document is meant, wherever the cursor stands.
        let actions = client.actions(&cart, 0, 0, Some(&[kind])).await;
        assert_eq!(actions.len(), 1, "{kind}");
        assert_eq!(actions[0]["kind"], "source.fixAll.auditline");
    }
    let fixes = client.actions(&cart, line, column, Some(&["quickfix"])).await;
    assert!(fixes.iter().all(|action| action["kind"] == "quickfix") && fixes.len() >= 2);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_safe_fixes_go_into_one_edit() {
    let shop = Shop::new();
    let text = shop.read("app/cart.py");
    let (head, function) = text.split_once("@router").unwrap();
    let twice = format!("{head}@router{function}\n\n@router{}", function.replace("def buy", "def buy_more"));
    let cart = shop.write("app/cart.py", &twice);
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.open_file(&cart).await;
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201", "AUD201"]);
    let actions = client.actions(&cart, 0, 0, Some(&["source.fixAll"])).await;
    let resolved = client.request("codeAction/resolve", actions[0].clone()).await.unwrap();
    assert_eq!(resolved["edit"]["documentChanges"].as_array().unwrap().len(), 1);
    let cured = apply(&resolved["edit"], &cart, &twice);
    assert_eq!(cured.matches(".with_for_update()").count(), 2);
    client.replace(&cart, 2, &cured).await;
    assert!(client.pull(&cart).await.is_empty());
    assert!(client.actions(&cart, 0, 0, Some(&["source.fixAll"])).await.is_empty());
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_that_changes_behaviour_says_so_and_asks() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = client.open_file(&cart).await;
    let (line, column) = find(&text, "item.stock -= quantity");
    let actions = client.actions(&cart, line, column, None).await;
    let loud: Vec<&Value> =
        actions.iter().filter(|action| action["title"].as_str().unwrap().ends_with(" (changes behaviour)")).collect();
    let safe_after_loud = actions
        .iter()
        .skip_while(|action| !loud.contains(action))
        .any(|action| action["title"].as_str().unwrap().starts_with("Lock"));
    assert!(!safe_after_loud, "{:?}", titles(&actions));
    for action in loud {
        assert!(action.get("isPreferred").is_none());
        let resolved = client.request("codeAction/resolve", action.clone()).await.unwrap();
        let annotations = resolved["edit"]["changeAnnotations"].as_object().unwrap();
        assert!(annotations.values().all(|annotation| annotation["needsConfirmation"] == true));
        let edits = resolved["edit"]["documentChanges"][0]["edits"].as_array().unwrap();
        assert!(edits.iter().all(|edit| annotations.contains_key(edit["annotationId"].as_str().unwrap())));
    }
    client.finish().await;
}

/// The text with its finding suppressed by the action, as the server would have it.
async fn suppressed(client: &mut TestClient, shop: &Shop, file: &str, text: &str, marker: &str) -> String {
    let path = shop.path(file);
    client.did_open(&path, text).await;
    assert_ne!(client.pull(&path).await, Vec::<Value>::new(), "{text}");
    let (line, column) = find(text, marker);
    let actions = client.actions(&path, line, column, Some(&["quickfix"])).await;
    let action = titled(&actions, "Suppress").clone();
    let resolved = client.request("codeAction/resolve", action).await.unwrap();
    let after = apply(&resolved["edit"], &path, text);
    client.replace(&path, 2, &after).await;
    let mut left = client.pull(&path).await;
    left.retain(|diagnostic| diagnostic["code"] != "unused-suppression");
    assert!(left.is_empty(), "{after}\n{left:#?}");
    client.did_close(&path).await;
    after
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_silences_wherever_it_has_to_stand() {
    let shop = Shop::new();
    let text = shop.read("app/cart.py");
    let line = "    item.stock -= quantity\n";
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let mut after = async |replacement: &str, expected: &str| {
        let before = text.replace(line, replacement);
        let got = suppressed(&mut client, &shop, "app/cart.py", &before, "item.stock -=").await;
        assert_eq!(got, text.replace(line, expected));
    };
    after(line, "    item.stock -= quantity  # auditline: ignore[AUD201]\n").await;
    after("    item.stock -= quantity  # one\n", "    item.stock -= quantity  # one  # auditline: ignore[AUD201]\n")
        .await;
    after(
        "    item.stock -= quantity  # auditline: ignore[AUD101] why\n",
        "    item.stock -= quantity  # auditline: ignore[AUD101, AUD201] why\n",
    )
    .await;
    // Blanks at the end of the line, and a line that goes on behind a backslash.
    after("    item.stock -= quantity   \n", "    item.stock -= quantity  # auditline: ignore[AUD201]\n").await;
    after(
        "    item.stock -= \\\n        quantity\n",
        "    item.stock -= \\\n        quantity  # auditline: ignore[AUD201]\n",
    )
    .await;
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_does_not_land_in_a_string() {
    let shop = Shop::new();
    let text = "from app.models import Item\n\n\ndef lamp() -> Item:\n    return Item(stok=1, sku=\"\"\"a\nb\"\"\")\n";
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let after = suppressed(&mut client, &shop, "app/lamp.py", text, "stok").await;
    assert!(after.contains("sku=\"\"\"a\nb\"\"\")"), "{after}");
    assert!(after.contains("# auditline: ignore[AUD401]"), "{after}");
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_ends_and_tabs_are_kept() {
    let shop = Shop::new();
    let text = shop.read("app/jobs.py").replace("    ", "\t").replace('\n', "\r\n");
    let jobs = shop.write("app/jobs.py", &text);
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.did_open(&jobs, &text).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302", "AUD401"]);
    let (line, column) = find(&text, "db.commit()");
    let actions = client.actions(&jobs, line, column, Some(&["quickfix"])).await;
    for action in &actions {
        let resolved = client.request("codeAction/resolve", action.clone()).await.unwrap();
        let after = apply(&resolved["edit"], &jobs, &text);
        assert!(!after.replace("\r\n", "").contains(['\r', '\n']), "{after:?}");
        assert!(!after.contains("    "), "{after:?}");
    }
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_says_about_diagnostics_does_not_matter() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), capabilities()).await;
    client.ignore("textDocument/publishDiagnostics");
    let text = client.open_file(&cart).await;
    let (line, _) = find(&text, "item.stock -= quantity");
    // A selection over the whole line, with a diagnostic of somebody else.
    let params = json!({
        "textDocument": { "uri": uri(&cart) },
        "range": { "start": { "line": line, "character": 0 }, "end": { "line": line + 1, "character": 0 } },
        "context": { "diagnostics": [{
            "range": { "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 1 } },
            "message": "unused",
        }] },
    });
    let actions = client.request("textDocument/codeAction", params).await.unwrap();
    titled(actions.as_array().unwrap(), "Lock the load");
    // Places beyond the end of the text are none.
    assert!(client.actions(&cart, 100_000, 100_000, Some(&["quickfix"])).await.is_empty());
    client.finish().await;
}

/// A model with a column that no revision adds, in the shop.
fn drift(shop: &Shop) -> std::path::PathBuf {
    shop.write(
        "alembic/versions/0001_start.py",
        "import sqlalchemy as sa\nfrom alembic import op\n\nrevision = \"0001\"\ndown_revision = None\n\n\ndef upgrade():\n    \
         op.create_table(\"crates\", sa.Column(\"id\", sa.Integer(), primary_key=True))\n    op.create_table(\"lids\", \
         sa.Column(\"id\", sa.Integer(), primary_key=True))\n",
    );
    shop.write(
        "app/crates.py",
        "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\n\nclass Base(DeclarativeBase):\n    pass\n\n\n\
         class Crate(Base):\n    __tablename__ = \"crates\"\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n    \
         note: Mapped[str | None]\n\n\nclass Lid(Base):\n    __tablename__ = \"lids\"\n\n    id: Mapped[int] = \
         mapped_column(primary_key=True)\n",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_that_makes_a_file_is_for_clients_that_make_files() {
    let shop = Shop::new();
    let models = drift(&shop);
    let mut capabilities = pulling();
    capabilities["workspace"]["workspaceEdit"]["resourceOperations"] = json!(["create", "rename", "delete"]);
    capabilities["window"]["showDocument"] = json!({ "support": true });
    let mut client = TestClient::open(shop.root(), capabilities).await;
    let text = client.open_file(&models).await;
    assert_eq!(codes(&client.pull(&models).await), ["AUD405"]);
    let (line, column) = find(&text, "note");
    let actions = client.actions(&models, line, column, None).await;
    let add = titled(&actions, "in a new revision");
    let made = shop.path("alembic/versions/0002_add_note_to_crates.py");
    assert_eq!(add["command"]["arguments"], json!([uri(&made)]));
    assert_ne!(add["isPreferred"], true, "it changes the database");

    let resolved = client.request("codeAction/resolve", add.clone()).await.unwrap();
    let changes = resolved["edit"]["documentChanges"].as_array().unwrap();
    let [create, fill] = changes.as_slice() else { panic!("{changes:?}") };
    let annotation = "auditline";
    assert_eq!(*create, json!({ "kind": "create", "uri": uri(&made), "annotationId": annotation }));
    assert_eq!(fill["textDocument"], json!({ "uri": uri(&made), "version": null }));
    let edit = &fill["edits"][0];
    assert_eq!(edit["range"]["start"], edit["range"]["end"]);
    assert_eq!(resolved["edit"]["changeAnnotations"][annotation]["needsConfirmation"], true);
    let written = edit["newText"].as_str().unwrap();
    assert!(
        written.contains("op.add_column(\"crates\", sa.Column(\"note\", sa.String(), nullable=True))"),
        "{written}"
    );

    // What the client does then: it makes the file, opens it, and is asked to show it.
    std::fs::write(&made, written).unwrap();
    client.files_changed(&[(&made, 1)]).await;
    client.did_open(&made, written).await;
    assert!(client.pull(&models).await.is_empty());
    let show = json!({ "command": add["command"]["command"], "arguments": [uri(&made)] });
    assert_eq!(client.request("workspace/executeCommand", show).await, Ok(Value::Null));
    client.wait_until_asked("window/showDocument", 1).await;
    let (_, asked) = client.asked.last().unwrap().clone();
    assert_eq!((&asked["uri"], &asked["takeFocus"]), (&json!(uri(&made)), &json!(true)));
    let outside = json!({ "command": add["command"]["command"], "arguments": ["file:///etc/passwd"] });
    assert_eq!(client.request("workspace/executeCommand", outside).await.unwrap_err()["code"], -32602);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_makes_no_files_is_not_offered_one() {
    let shop = Shop::new();
    let models = drift(&shop);
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = client.open_file(&models).await;
    assert_eq!(codes(&client.pull(&models).await), ["AUD405"]);
    let (line, column) = find(&text, "note");
    let actions = client.actions(&models, line, column, None).await;
    assert!(!titles(&actions).iter().any(|title| title.contains("new revision")), "{:?}", titles(&actions));
    client.finish().await;
}
