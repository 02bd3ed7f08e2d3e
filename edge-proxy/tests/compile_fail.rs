//! What must not compile: each file skips a step of the pipeline.

#[test]
fn no_step_of_the_pipeline_can_be_skipped() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
