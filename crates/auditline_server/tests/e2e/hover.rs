//! What is shown of a finding when somebody points at it.

use serde_json::Value;

use crate::client::{Shop, TestClient, find, pulling, uri};

#[tokio::test(flavor = "multi_thread")]
async fn a_race_is_told_with_the_names_of_the_user() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = client.open_file(&cart).await;
    let (line, column) = find(&text, "stock -= quantity");
    let hover = client.hover(&cart, line, column).await;
    assert_eq!(hover["contents"]["kind"], "markdown");
    let markdown = hover["contents"]["value"].as_str().unwrap();
    assert!(markdown.starts_with("**AUD201 unlocked-read-modify-write** · warning"), "{markdown}");
    assert!(markdown.contains("Item.stock"), "{markdown}");
    // Two requests, side by side.
    let table: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert!(table.len() > 4, "{markdown}");
    let widths: Vec<usize> = table.iter().map(|row| row.chars().count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{markdown}");
    let (load, _) = find(&text, "db.query(Item)");
    assert!(markdown.contains(&format!("[line {}]({}#L{})", load + 1, uri(&cart), load + 1)), "{markdown}");
    assert!(markdown.contains("Lock the load"), "{markdown}");
    assert!(markdown.ends_with("/AUD201.md)"), "{markdown}");
    assert_eq!(hover["range"]["start"]["line"], line);
    assert_eq!(client.hover(&cart, 0, 0).await, Value::Null);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_in_other_files_is_linked() {
    let shop = Shop::new();
    let jobs = shop.path("app/jobs.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = client.open_file(&jobs).await;
    let (line, column) = find(&text, "stok");
    let hover = client.hover(&jobs, line, column).await;
    let markdown = hover["contents"]["value"].as_str().unwrap();
    let models = shop.read("app/models.py");
    let (class, _) = find(&models, "class Item");
    let link = format!("]({}#L", uri(&shop.path("app/models.py")));
    assert!(markdown.contains(&link) && markdown.contains("[app/models.py:"), "{class}: {markdown}");
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_shows_by_itself_is_not_said_twice() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut capabilities = pulling();
    capabilities["experimental"] = serde_json::json!({ "auditline": { "messageInHover": true } });
    let mut client = TestClient::open(shop.root(), capabilities).await;
    let text = client.open_file(&cart).await;
    let message = client.pull(&cart).await[0]["message"].as_str().unwrap().to_owned();
    let (line, column) = find(&text, "stock -= quantity");
    let hover = client.hover(&cart, line, column).await;
    let markdown = hover["contents"]["value"].as_str().unwrap();
    assert!(markdown.starts_with("**AUD201 unlocked-read-modify-write** · warning\n\n| "), "{markdown}");
    assert!(!markdown.contains(&message) && !markdown.contains("**Why**"), "{markdown}");
    assert!(markdown.contains("Lock the load"), "{markdown}");
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_has_no_marks() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut capabilities = pulling();
    capabilities["textDocument"]["hover"]["contentFormat"] = serde_json::json!(["plaintext"]);
    let mut client = TestClient::open(shop.root(), capabilities).await;
    let text = client.open_file(&cart).await;
    let (line, column) = find(&text, "item.stock -= quantity");
    let hover = client.hover(&cart, line, column).await;
    assert_eq!(hover["contents"]["kind"], "plaintext");
    let plain = hover["contents"]["value"].as_str().unwrap();
    assert!(plain.contains("1. Request A") || plain.contains("Request A"), "{plain}");
    for mark in ["**", "](", "|"] {
        assert!(!plain.contains(mark), "{plain}");
    }
    client.finish().await;
}
