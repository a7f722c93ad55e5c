"""The messages of the Pub/Sub API, `eventbus.v1` (its proto is public, CC0), built when this is imported.

They live in a descriptor pool of their own, so that a client generated from the same proto may share the
process. Field numbers of every message run from 1 in the order given; `*` marks a repeated field.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "eventbus.v1"
SERVICE = f"{PACKAGE}.PubSub"
MESSAGES = {
    "TopicInfo": "topic_name:string tenant_guid:string can_publish:bool can_subscribe:bool schema_id:string "
    "rpc_id:string",
    "TopicRequest": "topic_name:string",
    "EventHeader": "key:string value:bytes",
    "ProducerEvent": "id:string schema_id:string payload:bytes *headers:EventHeader",
    "ConsumerEvent": "event:ProducerEvent replay_id:bytes",
    "PublishResult": "replay_id:bytes error:Error correlation_key:string",
    "Error": "code:ErrorCode msg:string",
    "FetchRequest": "topic_name:string replay_preset:ReplayPreset replay_id:bytes num_requested:int32 "
    "auth_refresh:string",
    "FetchResponse": "*events:ConsumerEvent latest_replay_id:bytes rpc_id:string pending_num_requested:int32",
    "SchemaRequest": "schema_id:string",
    "SchemaInfo": "schema_json:string schema_id:string rpc_id:string",
    "PublishRequest": "topic_name:string *events:ProducerEvent auth_refresh:string",
    "PublishResponse": "*results:PublishResult schema_id:string rpc_id:string",
    "ManagedFetchRequest": "subscription_id:string developer_name:string num_requested:int32 "
    "auth_refresh:string commit_replay_id_request:CommitReplayRequest",
    "ManagedFetchResponse": "*events:ConsumerEvent latest_replay_id:bytes rpc_id:string "
    "pending_num_requested:int32 commit_response:CommitReplayResponse",
    "CommitReplayRequest": "commit_request_id:string replay_id:bytes",
    "CommitReplayResponse": "commit_request_id:string replay_id:bytes error:Error process_time:int64",
}
ENUMS = {"ErrorCode": ("UNKNOWN", "PUBLISH", "COMMIT"), "ReplayPreset": ("LATEST", "EARLIEST", "CUSTOM")}
METHODS = {
    "Subscribe": ("FetchRequest", "FetchResponse", True),
    "GetSchema": ("SchemaRequest", "SchemaInfo", False),
    "GetTopic": ("TopicRequest", "TopicInfo", False),
    "Publish": ("PublishRequest", "PublishResponse", False),
    "PublishStream": ("PublishRequest", "PublishResponse", True),
    "ManagedSubscribe": ("ManagedFetchRequest", "ManagedFetchResponse", True),
}
"""Request, response, and whether both are streams."""

LATEST, EARLIEST, CUSTOM = range(3)
PUBLISH, COMMIT = 1, 2
_Proto = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Proto.TYPE_STRING,
    "bytes": _Proto.TYPE_BYTES,
    "bool": _Proto.TYPE_BOOL,
    "int32": _Proto.TYPE_INT32,
    "int64": _Proto.TYPE_INT64,
}


def _field(number: int, text: str) -> descriptor_pb2.FieldDescriptorProto:
    name, _, kind = text.lstrip("*").partition(":")
    made = _Proto(
        name=name, number=number, label=_Proto.LABEL_REPEATED if text[0] == "*" else _Proto.LABEL_OPTIONAL
    )
    if kind in _SCALARS:
        made.type = _SCALARS[kind]
    else:
        made.type = _Proto.TYPE_ENUM if kind in ENUMS else _Proto.TYPE_MESSAGE
        made.type_name = f".{PACKAGE}.{kind}"
    return made


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="pubsub_api.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        made = [_field(number, text) for number, text in enumerate(fields.split(), 1)]
        file.message_type.append(descriptor_pb2.DescriptorProto(name=name, field=made))
    for name, values in ENUMS.items():
        listed = [
            descriptor_pb2.EnumValueDescriptorProto(name=value, number=number)
            for number, value in enumerate(values)
        ]
        file.enum_type.append(descriptor_pb2.EnumDescriptorProto(name=name, value=listed))
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(_file().SerializeToString())
_CLASSES: dict[str, Any] = {
    name: message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))
    for name in MESSAGES
}


def message(name: str) -> Any:
    """The class of a message; KeyError for an unknown name."""
    return _CLASSES[name]


TopicInfo = _CLASSES["TopicInfo"]
ProducerEvent = _CLASSES["ProducerEvent"]
ConsumerEvent = _CLASSES["ConsumerEvent"]
PublishResult = _CLASSES["PublishResult"]
PublishResponse = _CLASSES["PublishResponse"]
Error = _CLASSES["Error"]
SchemaInfo = _CLASSES["SchemaInfo"]
FetchResponse = _CLASSES["FetchResponse"]
ManagedFetchResponse = _CLASSES["ManagedFetchResponse"]
CommitReplayResponse = _CLASSES["CommitReplayResponse"]
