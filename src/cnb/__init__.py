"""Cloud Native Buildpacks for Python: the buildpack's side of the contract, Buildpack API 0.10.

A buildpack is two functions: `detect(DetectContext) -> BuildPlan | NotDetected` and
`build(BuildContext) -> BuildResult`.
`run_detect` and `run_build` connect them to the lifecycle; only they read its inputs and write its files.
"""
