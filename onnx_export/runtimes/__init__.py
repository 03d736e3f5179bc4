"""The same exported file in every runtime, each behind `Session`.

In Python: onnxruntime, its .ort format, onnx.reference, OpenVINO (`python.py`); in JavaScript:
onnxruntime-web and onnxruntime-node under Node (`node.py`), onnxruntime-web in headless Chromium
(`chromium.py`). The registry that also has the C99 build is `hwsim.runtimes`.
"""
