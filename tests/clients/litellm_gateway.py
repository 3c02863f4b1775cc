"""LiteLLM in front of a service: its SDK and its proxy, with their vector store provider for pgvector.

Usage: litellm_gateway.py URL KEY, with the documented configuration in page.yaml, in an environment with
litellm[proxy], which `make frameworks` creates.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import litellm
import openai
import yaml

STARTS_WITHIN_S = 300
FAR = "How far away is the Moon?"
MOON = b"The Moon is 384,400 km away."


def main(url: str, key: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key) as cabinet:
        file = cabinet.files.create(file=("moon.txt", MOON), purpose="assistants")
        provider = {"custom_llm_provider": "pg_vector", "api_base": url, "api_key": key}
        made = litellm.vector_stores.create(name="Astronomy", file_ids=[file.id], **provider)
        store = made["id"]
        cabinet.vector_stores.files.poll(file.id, vector_store_id=store)

        check(litellm.vector_stores.search(store, FAR, max_num_results=1, **provider), file.id)
        check(asyncio.run(litellm.vector_stores.asearch(vector_store_id=store, query=FAR, **provider)), file.id)
        through_the_proxy(url, key, store, file.id)
    print("done")


def check(answer: Any, file_id: str) -> None:
    [found] = answer["data"]
    assert found["file_id"] == file_id, found
    assert found["content"][0]["text"] == MOON.decode(), found
    assert 0 < found["score"] <= 1, found


def through_the_proxy(url: str, key: str, store: str, file_id: str) -> None:
    """Start the proxy with the documented configuration, and search and embed through it."""
    model = httpx.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"}).json()["data"][0]["id"]
    page = Path("page.yaml").read_text()
    for shown, meant in (
        ("vs_…", store),
        ("http://127.0.0.1:8080", url),
        ("openai/wordllama-l2-supercat-256", f"openai/{model}"),
    ):
        page = page.replace(shown, meant)
    config = {**yaml.safe_load(page), "general_settings": {"master_key": "sk-of-the-proxy"}}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("litellm")), "--config", "config.yaml", "--host", "127.0.0.1"]
    with Path("proxy.log").open("w") as log:
        proxy = subprocess.Popen(
            [*command, "--port", str(port)], stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "CABINET_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", proxy)
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="sk-of-the-proxy") as client:
            check(client.vector_stores.search(store, query=FAR).model_dump(), file_id)
            vectors = client.embeddings.create(model="cabinet", input=["Moon", "Bread"]).data
            assert len({len(each.embedding) for each in vectors}) == 1
    finally:
        os.killpg(proxy.pid, signal.SIGTERM)
        try:
            proxy.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(proxy.pid, signal.SIGKILL)
            proxy.wait()


def wait_for(address: str, proxy: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and proxy.poll() is None:
        try:
            if httpx.get(address).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise AssertionError(f"the proxy did not start:\n{Path('proxy.log').read_text()[-3000:]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
