"""The vendor's Nacos client in its own environment, controlled by lines on standard input.

    nacos_client.py SERVER FOLDER [USERNAME PASSWORD]

Each line is a JSON list: `["register", service, ip, port, weight]`, `["deregister", service, ip, port]`,
`["subscribe", service]`, `["list", service]`. Each gets a line of JSON: `{"done": …}` or `{"failed": …}`;
pushes appear in between as `{"pushed": ["ip:port*weight", …]}`.
"""

import asyncio
import json
import logging
import sys

from v2.nacos import (
    ClientConfigBuilder, DeregisterInstanceParam, GRPCConfig, ListInstanceParam, NacosNamingService,
    RegisterInstanceParam, SubscribeServiceParam,
)  # fmt: skip

GROUP = "pai-eas"


def write(**line):
    print(json.dumps(line), flush=True)


def shown(instances):
    return sorted(f"{one.ip}:{one.port}*{one.weight:g}" for one in instances)


async def pushed(instances):
    write(pushed=shown(instances))


async def do(client, verb, service, *rest):
    if verb == "register":
        ip, port, weight = rest
        return await client.register_instance(
            RegisterInstanceParam(
                service_name=service, group_name=GROUP, ip=ip, port=port, weight=weight,
                cluster_name="DEFAULT", ephemeral=True, metadata={},
            )
        )  # fmt: skip
    if verb == "deregister":
        ip, port = rest
        return await client.deregister_instance(
            DeregisterInstanceParam(
                service_name=service, group_name=GROUP, ip=ip, port=port, cluster_name="DEFAULT",
                ephemeral=True,
            )
        )  # fmt: skip
    if verb == "subscribe":
        await client.subscribe(
            SubscribeServiceParam(
                service_name=service, group_name=GROUP, subscribe_callback=pushed
            )
        )
        return True
    if verb == "list":
        return shown(
            await client.list_instances(
                ListInstanceParam(
                    service_name=service, group_name=GROUP, subscribe=False, healthy_only=True
                )
            )
        )
    raise ValueError(verb)


async def main(server, folder, username=None, password=None):
    builder = (
        ClientConfigBuilder()
        .server_address(server)
        .log_level(logging.ERROR)
        .log_dir(folder)
        .cache_dir(folder)
        .load_cache_at_start(False)
        .grpc_config(GRPCConfig(grpc_timeout=5000))
    )
    if username:
        builder = builder.username(username).password(password)
    client = await NacosNamingService.create_naming_service(builder.build())
    write(ready=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            write(done=await do(client, *json.loads(line)))
        except Exception as error:
            write(failed=str(error))
    await client.shutdown()


asyncio.run(main(*sys.argv[1:]))
