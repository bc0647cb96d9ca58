//! The kinds of nodes of the grammar, as numbers.

use std::sync::LazyLock;

macro_rules! kinds {
    ($( $group:ident { $( $variant:ident $text:literal )* } )*) => {
        /// The kind of a syntax node, by its name in the grammar.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Kind { $( $( $variant, )* )* }

        impl Kind {
            $( kinds!(@group $group $( $variant )*); )*

            fn of(text: &str, named: bool) -> Self {
                // A keyword and a node may have one name (`yield`, `lambda`, `await`, `type`); they are told apart.
                if named {
                    $( $( kinds!(@named $group $variant $text text); )* )*
                } else {
                    $( $( kinds!(@token $group $variant $text text); )* )*
                }
                if named { Self::OtherNode } else { Self::OtherToken }
            }
        }
    };
    (@group statements $($variant:ident)*) => {
        /// Whether it is a statement.
        pub(super) fn is_statement(self) -> bool { matches!(self, $( Self::$variant )|*) }
    };
    (@group expressions $($variant:ident)*) => {
        /// Whether it is an expression, a target or a type.
        pub(super) fn is_expression(self) -> bool { matches!(self, $( Self::$variant )|*) }
    };
    (@group parts $($variant:ident)*) => {};
    (@group tokens $($variant:ident)*) => {};
    (@group others $($variant:ident)*) => {};
    (@named tokens $variant:ident $lit:literal $text:ident) => {};
    (@named others $variant:ident $lit:literal $text:ident) => {};
    (@named $group:ident $variant:ident $lit:literal $text:ident) => { if $text == $lit { return Self::$variant; } };
    (@token tokens $variant:ident $lit:literal $text:ident) => { if $text == $lit { return Self::$variant; } };
    (@token $group:ident $variant:ident $lit:literal $text:ident) => {};
}

kinds! {
    statements {
        FutureImport "future_import_statement"
        Import "import_statement"
        ImportFrom "import_from_statement"
        Print "print_statement"
        Assert "assert_statement"
        ExpressionStatement "expression_statement"
        Return "return_statement"
        Delete "delete_statement"
        Raise "raise_statement"
        Pass "pass_statement"
        Break "break_statement"
        Continue "continue_statement"
        Global "global_statement"
        Nonlocal "nonlocal_statement"
        Exec "exec_statement"
        TypeAlias "type_alias_statement"
        If "if_statement"
        For "for_statement"
        While "while_statement"
        Try "try_statement"
        With "with_statement"
        FunctionDefinition "function_definition"
        ClassDefinition "class_definition"
        DecoratedDefinition "decorated_definition"
        Match "match_statement"
    }
    expressions {
        Identifier "identifier"
        String "string"
        ConcatenatedString "concatenated_string"
        Integer "integer"
        Float "float"
        True "true"
        False "false"
        None "none"
        Ellipsis "ellipsis"
        Attribute "attribute"
        Subscript "subscript"
        Call "call"
        Await "await"
        BinaryOperator "binary_operator"
        UnaryOperator "unary_operator"
        NotOperator "not_operator"
        BooleanOperator "boolean_operator"
        ComparisonOperator "comparison_operator"
        ConditionalExpression "conditional_expression"
        Lambda "lambda"
        NamedExpression "named_expression"
        AsPattern "as_pattern"
        AsPatternTarget "as_pattern_target"
        ParenthesizedExpression "parenthesized_expression"
        ParenthesizedListSplat "parenthesized_list_splat"
        Tuple "tuple"
        TuplePattern "tuple_pattern"
        ExpressionList "expression_list"
        PatternList "pattern_list"
        List "list"
        ListPattern "list_pattern"
        Set "set"
        Dictionary "dictionary"
        ListComprehension "list_comprehension"
        SetComprehension "set_comprehension"
        DictionaryComprehension "dictionary_comprehension"
        GeneratorExpression "generator_expression"
        ListSplat "list_splat"
        ListSplatPattern "list_splat_pattern"
        DictionarySplat "dictionary_splat"
        Yield "yield"
        Slice "slice"
        Assignment "assignment"
        AugmentedAssignment "augmented_assignment"
        DottedName "dotted_name"
        Type "type"
        GenericType "generic_type"
        UnionType "union_type"
        MemberType "member_type"
        ConstrainedType "constrained_type"
        SplatType "splat_type"
    }
    parts {
        Module "module"
        Block "block"
        Comment "comment"
        LineContinuation "line_continuation"
        ElifClause "elif_clause"
        ElseClause "else_clause"
        ExceptClause "except_clause"
        FinallyClause "finally_clause"
        CaseClause "case_clause"
        IfClause "if_clause"
        ForInClause "for_in_clause"
        WithClause "with_clause"
        WithItem "with_item"
        Decorator "decorator"
        Parameters "parameters"
        LambdaParameters "lambda_parameters"
        TypedParameter "typed_parameter"
        DefaultParameter "default_parameter"
        TypedDefaultParameter "typed_default_parameter"
        DictionarySplatPattern "dictionary_splat_pattern"
        KeywordSeparator "keyword_separator"
        PositionalSeparator "positional_separator"
        TypeParameter "type_parameter"
        ArgumentList "argument_list"
        KeywordArgument "keyword_argument"
        Pair "pair"
        RelativeImport "relative_import"
        ImportPrefix "import_prefix"
        AliasedImport "aliased_import"
        WildcardImport "wildcard_import"
        StringStart "string_start"
        StringContent "string_content"
        StringEnd "string_end"
        Interpolation "interpolation"
        FormatSpecifier "format_specifier"
        FormatExpression "format_expression"
        TypeConversion "type_conversion"
        CasePattern "case_pattern"
        UnionPattern "union_pattern"
        ClassPattern "class_pattern"
        KeywordPattern "keyword_pattern"
        DictPattern "dict_pattern"
        SplatPattern "splat_pattern"
        ComplexPattern "complex_pattern"
    }
    tokens {
        Comma ","
        Colon ":"
        Equal "="
        Dot "."
        Semicolon ";"
        Underscore "_"
        Minus "-"
        Plus "+"
        Star "*"
        At "@"
        Slash "/"
        DoubleSlash "//"
        Percent "%"
        DoubleStar "**"
        Pipe "|"
        Ampersand "&"
        Caret "^"
        ShiftLeft "<<"
        ShiftRight ">>"
        Tilde "~"
        PlusEqual "+="
        MinusEqual "-="
        StarEqual "*="
        SlashEqual "/="
        AtEqual "@="
        DoubleSlashEqual "//="
        PercentEqual "%="
        DoubleStarEqual "**="
        ShiftRightEqual ">>="
        ShiftLeftEqual "<<="
        AmpersandEqual "&="
        CaretEqual "^="
        PipeEqual "|="
        Less "<"
        LessEqual "<="
        EqualEqual "=="
        NotEqual "!="
        GreaterEqual ">="
        Greater ">"
        LessGreater "<>"
        KeywordIn "in"
        KeywordNotIn "not in"
        KeywordIs "is"
        KeywordIsNot "is not"
        KeywordAnd "and"
        KeywordOr "or"
        KeywordAsync "async"
        KeywordFrom "from"
        KeywordAs "as"
        KeywordDef "def"
        KeywordClass "class"
        KeywordImport "import"
        KeywordReturn "return"
        OpenBrace "{"
    }
    others {
        OtherNode ""
        OtherToken ""
        Error ""
    }
}

static KINDS: LazyLock<Box<[Kind]>> = LazyLock::new(|| {
    let language = tree_sitter::Language::from(tree_sitter_python::LANGUAGE);
    (0..u16::try_from(language.node_kind_count()).unwrap_or(u16::MAX))
        .map(|id| Kind::of(language.node_kind_for_id(id).unwrap_or_default(), language.node_kind_is_named(id)))
        .collect()
});

/// The kinds by their number in the grammar.
pub(super) fn table() -> &'static [Kind] {
    &KINDS
}

#[cfg(test)]
mod tests {
    use super::{Kind, table};

    #[test]
    fn every_kind_stands_in_the_grammar() {
        let language = tree_sitter::Language::from(tree_sitter_python::LANGUAGE);
        for (text, named, kind) in [
            ("yield", true, Kind::Yield),
            ("type", true, Kind::Type),
            ("lambda", true, Kind::Lambda),
            ("await", true, Kind::Await),
            ("not in", false, Kind::KeywordNotIn),
            ("is not", false, Kind::KeywordIsNot),
            ("as_pattern_target", true, Kind::AsPatternTarget),
            ("format_expression", true, Kind::FormatExpression),
            ("_", false, Kind::Underscore),
        ] {
            let id = language.id_for_node_kind(text, named);
            assert_eq!(table()[usize::from(id)], kind, "{text}");
        }
    }
}
