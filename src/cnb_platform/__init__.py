"""An embedded Cloud Native Buildpacks platform: detect, restore, build, export and launch in plain Python.

It plays the other side of the contract where pack and the lifecycle are not at hand: for tests, demos and benchmarks.
Buildpack APIs 0.9 to 0.12 and Platform APIs 0.7 to 0.15 are known. Where it differs from the lifecycle, it is wrong.
"""
