//! The text of the server is the text of the editor, whatever is typed.

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, codes, pulling};

/// A generator of numbers that are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below.max(1)
    }
}

/// How a client counts columns.
#[derive(Clone, Copy)]
enum Units {
    Utf8,
    Utf16,
    Utf32,
}

impl Units {
    fn measure(self, text: &str) -> usize {
        match self {
            Self::Utf8 => text.len(),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Utf32 => text.chars().count(),
        }
    }

    /// The position of an offset that is not between `\r` and `\n`.
    fn position(self, text: &str, offset: usize) -> Value {
        let before = &text[..offset];
        let mut line = 0;
        let mut start = 0;
        let bytes = before.as_bytes();
        for (index, byte) in bytes.iter().enumerate() {
            let ends = *byte == b'\n' || (*byte == b'\r' && text.as_bytes().get(index + 1) != Some(&b'\n'));
            if ends {
                line += 1;
                start = index + 1;
            }
        }
        json!({ "line": line, "character": self.measure(&before[start..]) })
    }
}

const PIECES: &[&str] = &[
    "",
    "x",
    "é",
    "𝒳",
    "😀😀",
    "\n",
    "\r\n",
    "\t",
    "    ",
    "(",
    ")",
    "\"\"\"",
    "'",
    "#",
    "db.commit()\n",
    "def f(db):\n",
    "    item.stock -= 1\n",
    "class A:\n",
    "item = ",
    "\\\n",
    "with_for_update()",
    "async ",
    ":",
    "lambda",
    "{x!r}",
    "f\"",
];

async fn type_at_random(name: &str, units: Units, seed: u64, steps: i64) {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut capabilities = pulling();
    capabilities["general"]["positionEncodings"] = json!([name]);
    let mut client = TestClient::open(shop.root(), capabilities).await;
    assert_eq!(client.server_capabilities["positionEncoding"], name);
    let mut text = client.open_file(&cart).await;
    let mut numbers = Numbers(seed);
    for version in 2..2 + steps {
        let mut changes = Vec::new();
        for _ in 0..1 + numbers.next(3) {
            let boundary = |numbers: &mut Numbers, text: &str, near: usize| {
                let mut offset = (near + numbers.next(40)).min(text.len());
                let splits = |offset: usize| {
                    let bytes = text.as_bytes();
                    offset > 0 && offset < bytes.len() && bytes[offset - 1] == b'\r' && bytes[offset] == b'\n'
                };
                while !text.is_char_boundary(offset) || splits(offset) {
                    offset -= 1;
                }
                offset
            };
            let anywhere = numbers.next(text.len() + 1);
            let one = boundary(&mut numbers, &text, anywhere);
            let other = boundary(&mut numbers, &text, one);
            let (start, end) = (one.min(other), one.max(other));
            let piece = PIECES[numbers.next(PIECES.len())];
            // A `\r` that is left alone would make the two of us count lines in two ways while it stands there.
            changes.push(json!({
                "range": { "start": units.position(&text, start), "end": units.position(&text, end) },
                "text": piece,
            }));
            text = format!("{}{piece}{}", &text[..start], &text[end..]);
        }
        client.did_change(&cart, version, Value::Array(changes)).await;
        if version % 7 == 0 {
            assert_eq!(client.view(&cart).await, text, "{name}, seed {seed}, version {version}");
        }
        if version % 31 == 0 {
            // What is found in the text that was typed is what is found in it when it is opened as it is.
            let typed = client.pull(&cart).await;
            client.did_close(&cart).await;
            client.did_open(&cart, &text).await;
            assert_eq!(client.pull(&cart).await, typed, "{name}, seed {seed}, version {version}: {text}");
        }
    }
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_edits_in_utf_8() {
    type_at_random("utf-8", Units::Utf8, 1, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_edits_in_utf_16() {
    type_at_random("utf-16", Units::Utf16, 2, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_edits_in_utf_32() {
    type_at_random("utf-32", Units::Utf32, 3, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_edits_with_requests_between_them_loses_nothing() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let mut text = client.open_file(&cart).await;
    let mut numbers = Numbers(7);
    let mut waiting = Vec::new();
    for version in 2..2_002i64 {
        // Typed at the end of the file, one character after the other, with line ends now and then.
        let piece = if version % 17 == 0 { "\n" } else { ["#", "é", "😀", "x"][numbers.next(4)] };
        let end = Units::Utf16.position(&text, text.len());
        client.did_change(&cart, version, json!([{ "range": { "start": end, "end": end }, "text": piece }])).await;
        text.push_str(piece);
        let uri = crate::client::uri(&cart);
        let document = json!({ "uri": uri });
        let id = match version % 10 {
            0 => client.ask("textDocument/diagnostic", json!({ "textDocument": document })).await,
            5 => {
                let position = json!({ "line": 15, "character": 6 });
                client.ask("textDocument/hover", json!({ "textDocument": document, "position": position })).await
            }
            _ => continue,
        };
        if numbers.next(3) == 0 {
            client.notify("$/cancelRequest", json!({ "id": id })).await;
        }
        waiting.push(id);
    }
    assert_eq!(client.view(&cart).await, text);
    for id in waiting {
        // Every request has one answer; a hover may be too late for the text that it asked about.
        if let Err(error) = client.answer(id).await {
            assert!([-32800, -32801].contains(&error["code"].as_i64().unwrap()), "{error}");
        }
    }
    client.replace(&cart, 3_000, &shop.read("app/cart.py")).await;
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_counted_as_agreed() {
    for (offered, agreed) in [
        (json!(["utf-16"]), "utf-16"),
        (json!(["utf-8", "utf-16"]), "utf-8"),
        (json!(["utf-16", "utf-32"]), "utf-32"),
        (json!(["utf-32", "utf-16", "utf-8"]), "utf-8"),
        (json!(["utf-7"]), "utf-16"),
        (Value::Null, "utf-16"),
    ] {
        let shop = Shop::new();
        let mut capabilities = pulling();
        capabilities["general"]["positionEncodings"] = offered;
        let mut client = TestClient::open(shop.root(), capabilities).await;
        assert_eq!(client.server_capabilities["positionEncoding"], agreed);
        let cart = shop.path("app/cart.py");
        let line = "    \"😀é\"; item.stock -= quantity\n";
        let text = shop.read("app/cart.py").replace("    item.stock -= quantity\n", line);
        client.did_open(&cart, &text).await;
        let found = client.pull(&cart).await;
        let column = match agreed {
            "utf-8" => 4 + 1 + 6 + 1 + 2,
            "utf-16" => 4 + 1 + 3 + 1 + 2,
            _ => 4 + 1 + 2 + 1 + 2,
        };
        assert_eq!(found[0]["range"]["start"]["character"], column, "{agreed}");
        client.finish().await;
    }
}
