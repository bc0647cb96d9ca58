//! What should not come, and comes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, capabilities, codes, frame, pulling, uri};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_is_answered_and_the_server_lives_on() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.send_raw(b"Content-Length: 9\r\n\r\n{\"jsonrpc").await;
    let error = client.wait(|message| message["id"].is_null() && message.get("error").is_some()).await;
    assert_eq!(error["error"]["code"], -32700);
    for (message, id) in [
        (json!([1, 2, 3]), Value::Null),
        (json!({ "jsonrpc": "1.0", "id": 70, "method": "shutdown" }), json!(70)),
        (json!({ "id": "x", "method": "shutdown" }), json!("x")),
        (json!({ "jsonrpc": "2.0", "id": 71 }), json!(71)),
        (json!({ "jsonrpc": "2.0", "id": 72, "method": 7 }), json!(72)),
    ] {
        client.send(&message).await;
        let error = client.wait(|answer| answer["id"] == id && answer.get("error").is_some()).await;
        assert_eq!(error["error"]["code"], -32600, "{message}");
    }
    // Answers to nothing, and notifications that make no sense, are passed over.
    client.send(&json!({ "jsonrpc": "2.0", "id": 999, "result": null })).await;
    client.send(&json!({ "jsonrpc": "2.0", "id": 999, "error": 7 })).await;
    for params in [Value::Null, json!([]), json!({ "textDocument": 7 }), json!({ "textDocument": { "uri": "" } })] {
        for method in ["didOpen", "didChange", "didClose"] {
            client.notify(&format!("textDocument/{method}"), params.clone()).await;
        }
        client.notify("workspace/didChangeWatchedFiles", params.clone()).await;
        client.notify("workspace/didChangeWorkspaceFolders", params.clone()).await;
        client.notify("workspace/didChangeConfiguration", params).await;
    }
    client.open_file(&cart).await;
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_with_wrong_parameters_are_refused() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    for method in [
        "textDocument/hover",
        "textDocument/completion",
        "textDocument/codeLens",
        "textDocument/inlayHint",
        "textDocument/codeAction",
        "textDocument/diagnostic",
        "codeAction/resolve",
    ] {
        for params in [Value::Null, json!({}), json!({ "textDocument": { "uri": 7 } })] {
            let error = client.request(method, params).await.unwrap_err();
            assert_eq!(error["code"], -32602, "{method}");
        }
    }
    let stray = json!({ "title": "x", "data": { "uri": "file:///x", "version": 1, "choice": "fixAll" } });
    assert_eq!(client.request("codeAction/resolve", stray).await.unwrap_err()["code"], -32801);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_methods_are_named() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), capabilities()).await;
    for method in ["textDocument/nonsense", "textDocument/definition", "$/nonsense", "", "🦀"] {
        let error = client.request(method, json!({})).await.unwrap_err();
        assert_eq!(error["code"], -32601, "{method}");
    }
    client.notify("$/nonsense", json!({})).await;
    client.notify("nonsense", json!({})).await;
    client.ignore("textDocument/publishDiagnostics");
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_is_cut_off_ends_the_server_with_an_error() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let whole = frame(&json!({ "jsonrpc": "2.0", "id": 5, "method": "shutdown" }));
    client.send_raw(&whole.as_bytes()[..whole.len() - 4]).await;
    client.hang_up().await;
    assert_eq!(client.code().await, 1);
    let error = client.wait(|message| message["id"].is_null() && message.get("error").is_some()).await;
    assert!(error["error"]["message"].as_str().unwrap().contains("in the middle of a message"));
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_is_no_message_ends_the_server_with_an_error() {
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"Content-Length: -1\r\n\r\n", b"\x00\x01\x02\xff\n\n"] {
        let mut client = TestClient::start();
        client.send_raw(garbage).await;
        assert_eq!(client.code().await, 1);
        let error = client.wait(|message| message["id"].is_null()).await;
        assert_eq!(error["error"]["code"], -32700);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_beyond_the_end_are_the_end() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.did_open(&cart, "a = 1\n").await;
    let far = json!({ "line": 4_294_967_295u64, "character": 4_294_967_295u64 });
    let farther = json!({ "line": 99_999_999_999u64, "character": 0 });
    client.did_change(&cart, 2, json!([{ "range": { "start": far, "end": farther }, "text": "b = 2\n" }])).await;
    let reversed = json!({ "start": { "line": 0, "character": 3 }, "end": { "line": 0, "character": 0 } });
    client.did_change(&cart, 3, json!([{ "range": reversed, "text": "A =" }])).await;
    assert_eq!(client.view(&cart).await, "A = 1\nb = 2\n");
    assert_eq!(client.hover(&cart, usize::MAX >> 33, 0).await, Value::Null);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_not_open_are_nobody() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.replace(&cart, 2, "x = 1\n").await;
    client.did_close(&cart).await;
    // The file on disk is as it was.
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201"]);
    assert_eq!(client.hover(&cart, 0, 0).await, Value::Null);
    assert!(client.actions(&cart, 15, 5, None).await.is_empty());
    // Opened twice, the later text counts.
    client.did_open(&cart, "x = 1\n").await;
    client.open_file(&cart).await;
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn monstrous_texts_neither_hang_nor_break_the_server() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = client.open_file(&cart).await;
    let monsters = [
        format!("x = {}1{}\n", "(".repeat(10_000), ")".repeat(10_000)),
        "(".repeat(10_000),
        format!("{text}\0"),
        "if x:\n ".repeat(2_000),
        "\u{feff}".repeat(100),
        "\r\r\r\n\n\r".repeat(1_000),
        format!("# {}\n{text}", "é𝒳".repeat(100_000)),
        "a".repeat(9 * 1024 * 1024),
    ];
    for (index, monster) in monsters.iter().enumerate() {
        let version = 2 + 2 * index as i64;
        client.replace(&cart, version, monster).await;
        client.pull_report(&cart, None).await;
        client.replace(&cart, version + 1, &text).await;
        assert_eq!(codes(&client.pull(&cart).await), ["AUD201"], "after monster {index}");
    }
    client.finish().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_are_named() {
    let shop = Shop::new();
    std::fs::write(shop.path("app/latin.py"), b"x = '\xe9'\n").unwrap();
    std::fs::write(shop.path("app/nul.py"), b"x = 1\0\n").unwrap();
    std::fs::write(shop.path("app/huge.py"), vec![b'\n'; 50 * 1024 * 1024]).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(shop.path("app/pipe.py")).status().unwrap().success());
    std::os::unix::fs::symlink(".", shop.path("app/loop")).unwrap();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let cart = shop.path("app/cart.py");
    client.open_file(&cart).await;
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201"]);
    let log = client.wait(|message| message["method"] == "window/logMessage").await;
    let message = log["params"]["message"].as_str().unwrap();
    for name in ["latin.py", "nul.py", "huge.py", "pipe.py", "loop"] {
        assert!(message.contains(name), "{message}");
    }
    // Opened in the editor they are documents like others, as far as they are text.
    client.did_open(&shop.path("app/latin.py"), "x = 'é'\n").await;
    assert!(client.pull(&shop.path("app/latin.py")).await.is_empty());
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_schemes_are_left_alone() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = shop.read("app/cart.py");
    for uri in ["git:/srv/app/cart.py?ref=HEAD", "vscode-notebook-cell:/x.ipynb#W0", "https://example.com/x.py"] {
        client.did_open_as(uri, "python", &text).await;
        let report =
            client.request("textDocument/diagnostic", json!({ "textDocument": { "uri": uri } })).await.unwrap();
        assert_eq!(report["items"], json!([]), "{uri}");
    }
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_addresses_of_files_are_understood() {
    let shop = Shop::new();
    let text = shop.read("app/cart.py");
    let path = shop.write("app/ä b#c/cart [1] 100%.py", &text);
    let mut client = TestClient::open(shop.root(), capabilities()).await;
    client.ignore("textDocument/publishDiagnostics");
    // Encoded in a way of its own; what is published bears the address that the client knows.
    let own = uri(&path).replace("%5B", "[").replace("%5D", "]").replace('a', "%61");
    client.did_open_as(&own, "python", &text).await;
    let published = client
        .wait(|message| message["method"] == "textDocument/publishDiagnostics" && message["params"]["version"] == 1)
        .await;
    assert_eq!(codes(published["params"]["diagnostics"].as_array().unwrap()), ["AUD201"]);
    let published = published["params"]["uri"].as_str().unwrap();
    assert!(published == own || published == own.replace('[', "%5B").replace(']', "%5D"), "{published}");
    client.listen(Duration::from_millis(100)).await;
    client.finish().await;
}
