use super::is_test;
use crate::fixture::{file, fixture};

#[test]
fn a_name_that_speaks_of_tests_is_not_enough() {
    let db = fixture(&[
        (
            "app/crud/test_repository.py",
            "from app import models\n\n\ndef create(session, name):\n    session.add(models.Repository(name=name))\n",
        ),
        ("app/load_test.py", "import time\n\n\ndef load():\n    time.sleep(1)\n"),
        ("app/test_api.py", "def test_index(client):\n    assert client.get('/').status_code == 200\n"),
        (
            "app/test_helpers.py",
            "from unittest.mock import patch\n\n\ndef no_mail():\n    return patch('app.mail.send')\n",
        ),
        ("app/conftest.py", ""),
        ("tests/helpers.py", ""),
    ]);
    let judged = |path: &str| is_test(&db, file(&db, path));
    assert!(!judged("app/crud/test_repository.py") && !judged("app/load_test.py"));
    assert!(judged("app/test_api.py") && judged("app/test_helpers.py"));
    assert!(judged("app/conftest.py") && judged("tests/helpers.py"));
}
