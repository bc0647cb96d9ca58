//! Arithmetic in Python, computed in SQL.

use super::*;

#[track_caller]
fn atomic(before: &str, after: &str) {
    let text = |line: &str| format!("def f(row, n, a, b):\n    {line}  # note\n");
    let after = if after == "nothing" { after.to_owned() } else { text(after) };
    check(&text(before), &after, |scope| edit::atomic_sql_expression(scope, at(scope, "row.x"), "models.Item"));
}

#[test]
fn of_the_row_s_own_column() {
    atomic("row.x += n", "row.x = models.Item.x + n");
    atomic("row.x-=1", "row.x = models.Item.x - 1");
    atomic("row.x -= a + b", "row.x = models.Item.x - (a + b)");
    atomic("row.x -= (a + b)", "row.x = models.Item.x - (a + b)");
    atomic("row.x -= (a) + (b)", "row.x = models.Item.x - ((a) + (b))");
    atomic("row.x *= a if b else n", "row.x = models.Item.x * (a if b else n)");
    atomic("row.x += len(a)", "row.x = models.Item.x + len(a)");
    atomic("row.x = row.x + n", "row.x = models.Item.x + n");
    atomic("row.x = n * (row.x - a)", "row.x = n * (models.Item.x - a)");
}

#[test]
fn only_where_both_sides_mean_the_same() {
    atomic("row.x //= 2", "nothing");
    atomic("row.x += row.x // 2", "nothing");
    atomic("row.x = row.x / 2", "nothing");
    atomic("row.x = max(row.x - 1, 0)", "nothing");
    atomic("row.x = row.x + max(row.x, 1)", "nothing");
    atomic("row.x = (row.x or 0) + 1", "nothing");
    atomic("row.x = row.x", "nothing");
    atomic("row.x = n", "nothing");
    atomic("row.x[0] += 1", "nothing");
    atomic("row.x = a = row.x + 1", "nothing");
}
