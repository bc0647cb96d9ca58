//! Imports that an edit needs.

use super::*;

#[track_caller]
fn import(before: &str, name: &str, after: &str) {
    for crlf in [false, true] {
        let shape = |text: &str| if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
        let document = Document::parse(&shape(before));
        let found = edit::add_import(&document, "sqlalchemy", "update");
        match found {
            Some(import) => {
                assert_eq!(import.name, name);
                let new = apply_edits(document.text(), &import.edits).expect("edits that apply");
                similar_asserts(&shape(after), &new, "");
            }
            None => assert_eq!(after, "nothing"),
        }
    }
}

#[test]
fn one_that_is_there_is_used() {
    import("from sqlalchemy import update\n", "update", "from sqlalchemy import update\n");
    import("from sqlalchemy import update as sa_update\n", "sa_update", "from sqlalchemy import update as sa_update\n");
    import("from sqlalchemy import *\n", "update", "from sqlalchemy import *\n");
}

#[test]
fn merged_into_an_import_of_the_module() {
    import("from sqlalchemy import select\n", "update", "from sqlalchemy import select, update\n");
    import("from sqlalchemy import and_, values\n", "update", "from sqlalchemy import and_, update, values\n");
    import("from sqlalchemy import z, a\n", "update", "from sqlalchemy import z, a, update\n");
    import("from sqlalchemy import select as s  # x\n", "update", "from sqlalchemy import select as s, update  # x\n");
    import("from sqlalchemy import (select)\n", "update", "from sqlalchemy import (select, update)\n");
    import(
        "from sqlalchemy import (\n    Text,\n    select,  # one\n)\n",
        "update",
        "from sqlalchemy import (\n    Text,\n    select,  # one\n    update,\n)\n",
    );
    import(
        "from sqlalchemy import (\n    select\n)\n",
        "update",
        "from sqlalchemy import (\n    select,\n    update\n)\n",
    );
    import(
        "from sqlalchemy import (\n    select,\n    values,\n)\n",
        "update",
        "from sqlalchemy import (\n    select,\n    update,\n    values,\n)\n",
    );
}

#[test]
fn inserted_behind_the_last_import_of_the_head() {
    import(
        "\"\"\"Doc.\"\"\"\nfrom __future__ import annotations\n\nimport os\n\nif TYPE_CHECKING:\n    from sqlalchemy import select\n\nx = 1\nimport late\n",
        "update",
        "\"\"\"Doc.\"\"\"\nfrom __future__ import annotations\n\nimport os\nfrom sqlalchemy import update\n\nif TYPE_CHECKING:\n    from sqlalchemy import select\n\nx = 1\nimport late\n",
    );
    import("import a\nimport os  # here", "update", "import a\nimport os  # here\nfrom sqlalchemy import update");
    import("\"\"\"Doc.\"\"\"\n\nx = 1\n", "update", "\"\"\"Doc.\"\"\"\n\nfrom sqlalchemy import update\n\nx = 1\n");
    import(
        "#!/usr/bin/env python\n# x\n\nx = 1\n",
        "update",
        "#!/usr/bin/env python\n# x\n\nfrom sqlalchemy import update\n\nx = 1\n",
    );
    import("x = 1\n", "update", "from sqlalchemy import update\nx = 1\n");
    import("\u{feff}x = 1\n", "update", "\u{feff}from sqlalchemy import update\nx = 1\n");
}

#[test]
fn a_name_that_means_something_else_is_refused() {
    import("def g(): pass\nupdate = 1\n", "", "nothing");
    import("from other import update\n", "", "nothing");
    import("import update.x\n", "", "nothing");
    import("try:\n    from other import update\nexcept E:\n    pass\n", "", "nothing");
    import("def update(): pass\n", "", "nothing");
    import("class update: pass\n", "", "nothing");
}
