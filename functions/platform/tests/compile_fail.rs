//! What must not compile with the platform's types: signing what nobody approved, sending what one may not send. The
//! domain's own cases are in `functions/domain/tests/compile_fail`, the proxy's in `edge-proxy/tests/compile_fail`.

#[test]
fn nothing_is_signed_or_queued_that_was_not_approved() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
