//! Codes of hazards where people write them, and comments that suppress nothing.

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, apply, capabilities, codes, find, pulling, uri};

async fn complete(client: &mut TestClient, path: &std::path::Path, text: &str, behind: &str) -> Vec<Value> {
    let (line, character) = find(text, behind);
    let position = json!({ "line": line, "character": character + behind.encode_utf16().count() });
    let params = json!({ "textDocument": { "uri": uri(path) }, "position": position });
    let answer = client.request("textDocument/completion", params).await.unwrap();
    answer.as_array().cloned().unwrap_or_default()
}

fn labels(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["label"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_completed_in_comments() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    assert_eq!(client.server_capabilities["completionProvider"]["triggerCharacters"], json!(["[", ",", "\""]));
    let text = format!("x = \"🛒\"  # auditline: ignore[AUD101, AU\n{}", shop.read("app/cart.py"));
    client.did_open(&cart, &text).await;
    let items = complete(&mut client, &cart, &text, "AUD101, AU").await;
    let all = labels(&items);
    assert!(all.contains(&"AUD201") && all.contains(&"AUD2") && all.contains(&"unlocked-read-modify-write"), "{all:?}");
    assert!(!all.contains(&"AUD101") && !all.contains(&"commit-without-rollback"), "listed already: {all:?}");
    let item = items.iter().find(|item| item["label"] == "AUD201").unwrap();
    assert_eq!(item["detail"], "unlocked-read-modify-write");
    // What was typed is replaced, behind a letter of two UTF-16 units.
    let (_, column) = find(&text, "AU\n");
    assert_eq!(item["textEdit"]["range"]["start"], json!({ "line": 0, "character": column }));
    assert_eq!(item["textEdit"]["range"]["end"], json!({ "line": 0, "character": column + 2 }));
    assert_eq!(item["textEdit"]["newText"], "AUD201");
    assert!(complete(&mut client, &cart, &text, "db.query(").await.is_empty(), "code is no place for codes");

    let text = format!("x = 1  # auditline: i\n{}", shop.read("app/cart.py"));
    client.replace(&cart, 2, &text).await;
    assert_eq!(labels(&complete(&mut client, &cart, &text, "auditline: i").await), ["ignore", "ignore-file"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_completed_in_configurations() {
    let shop = Shop::new();
    let project = shop.path("pyproject.toml");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = "[tool.auditline]\nselect = [\"AUD2\", ]\n\n[tool.auditline.severity]\nAUD\n";
    client.did_open_as(&uri(&project), "toml", text).await;
    let items = complete(&mut client, &project, text, "\"AUD2\", ").await;
    let item = items.iter().find(|item| item["label"] == "AUD201").unwrap();
    assert_eq!(item["textEdit"]["newText"], "\"AUD201\"", "quotes are written where there are none");
    let items = complete(&mut client, &project, text, "\"AUD").await;
    assert_eq!(items.iter().find(|item| item["label"] == "AUD201").unwrap()["textEdit"]["newText"], "AUD201");
    let items = complete(&mut client, &project, text, "severity]\nAUD").await;
    assert_eq!(items.iter().find(|item| item["label"] == "AUD201").unwrap()["textEdit"]["newText"], "AUD201");
    let other = "[tool.ruff]\nselect = [\"E\"]\n[tool.auditline]\nse\n";
    client.did_change(&project, 2, json!([{ "text": other }])).await;
    assert!(complete(&mut client, &project, other, "select = [\"").await.is_empty());
    assert!(labels(&complete(&mut client, &project, other, "auditline]\nse").await).contains(&"severity"));
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_explains_itself() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = "x = 1  # auditline: ignore[AUD201, AUD1, AUD999] because\n# noqa: E501\n";
    client.did_open(&cart, text).await;
    let mut hover = async |needle: &str| {
        let (line, character) = find(text, needle);
        client.hover(&cart, line, character + 1).await
    };
    let one = hover("AUD201").await;
    let markdown = one["contents"]["value"].as_str().unwrap();
    assert!(markdown.starts_with("**AUD201 unlocked-read-modify-write** · warning"), "{markdown}");
    assert_eq!(one["range"], json!({ "start": { "line": 0, "character": 27 }, "end": { "line": 0, "character": 33 } }));
    let family = hover("AUD1").await;
    assert!(family["contents"]["value"].as_str().unwrap().contains("AUD101"), "{family}");
    let unknown = hover("AUD999").await;
    assert!(unknown["contents"]["value"].as_str().unwrap().contains("unknown hazard"), "{unknown}");
    assert_eq!(hover("because").await, Value::Null);
    assert_eq!(hover("E501").await, Value::Null, "codes of others are not ours to explain");
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_in_a_configuration_explains_itself() {
    let shop = Shop::new();
    let file = shop.path("auditline.toml");
    let mut capabilities = pulling();
    capabilities["textDocument"]["hover"]["contentFormat"] = json!(["plaintext"]);
    let mut client = TestClient::open(shop.root(), capabilities).await;
    let text = "ignore = [\"AUD201\"]\n";
    client.did_open_as(&uri(&file), "toml", text).await;
    let hover = client.hover(&file, 0, 14).await;
    let plain = hover["contents"]["value"].as_str().unwrap();
    assert!(plain.starts_with("AUD201 unlocked-read-modify-write (warning)") && !plain.contains('`'), "{plain}");
    assert_eq!(client.hover(&file, 0, 2).await, Value::Null);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_that_suppresses_nothing_is_greyed_out_and_removed() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut capabilities = capabilities();
    capabilities["textDocument"]["publishDiagnostics"]["tagSupport"] = json!({ "valueSet": [1, 2] });
    let mut client = TestClient::open(shop.root(), capabilities).await;
    let before = shop.read("app/cart.py");
    let text =
        before.replace("item.stock -= quantity", "item.stock -= quantity  # auditline: ignore[AUD201, AUD101] why");
    client.did_open(&cart, &text).await;
    let told = client.published(&cart, Some(1)).await;
    assert_eq!(codes(&told), ["unused-suppression"], "{told:#?}");
    assert_eq!((&told[0]["severity"], &told[0]["tags"]), (&json!(4), &json!([1])));
    assert_eq!(told[0]["message"], "`AUD101` suppresses nothing here");
    let (line, column) = find(&text, "AUD101");
    assert_eq!(told[0]["range"]["start"], json!({ "line": line, "character": column }));
    let actions = client.actions(&cart, line, column, Some(&["quickfix"])).await;
    assert_eq!(actions[0]["title"], "Remove AUD101 from the comment");
    let resolved = client.request("codeAction/resolve", actions[0].clone()).await.unwrap();
    let after = apply(&resolved["edit"], &cart, &text);
    assert_eq!(after, text.replace("[AUD201, AUD101]", "[AUD201]"));
    client.replace(&cart, 2, &after).await;
    assert_eq!(codes(&client.published(&cart, Some(2)).await), [""; 0]);

    // The user may not want to know.
    client.replace(&cart, 3, &text).await;
    client.published(&cart, Some(3)).await;
    let settings = json!({ "auditline": { "unusedSuppressions": false } });
    client.notify("workspace/didChangeConfiguration", json!({ "settings": settings })).await;
    assert_eq!(codes(&client.published(&cart, Some(3)).await), [""; 0]);
    client.ignore("textDocument/publishDiagnostics");
    client.finish().await;
}
