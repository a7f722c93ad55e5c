"""The RPCs of the Pub/Sub API (spec 5.12)."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

import grpc

from practice_org.events import managed, messages, publishing, reading, refusals, topics
from practice_org.events.callers import EventCaller, caller_of
from practice_org.events.log import keep_schema
from practice_org.events.origin import act
from practice_org.events.refusals import Refusal
from practice_org.events.settings import PUBLISH_IDLE, PUBLISH_IDLE_SECONDS
from practice_org.events.subscription import Requests, Subscription, run
from practice_org.events.topics import Topic
from practice_org.events.trouble import Trouble

if TYPE_CHECKING:
    from practice_org.org import Org


class PubSub:
    """The service over one org."""

    def __init__(self, org: Org, trouble: Trouble) -> None:
        self._org = org
        self._trouble = trouble
        self.closing = threading.Event()

    def handlers(self) -> Any:
        """What a gRPC server needs to serve this."""
        made = {}
        for name, (request, response, streams) in messages.METHODS.items():
            handler = getattr(self, name)
            make = grpc.stream_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
            made[name] = make(
                self._guarded_stream(handler) if streams else self._guarded(handler),
                request_deserializer=messages.message(request).FromString,
                response_serializer=messages.message(response).SerializeToString,
            )
        return grpc.method_handlers_generic_handler(messages.SERVICE, made)

    # -- what surrounds each RPC --------------------------------------------------------------------

    def _guarded(self, handler: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        @wraps(handler)
        def guarded(request: Any, context: Any) -> Any:
            rpc_id = str(uuid.uuid4())
            try:
                return handler(request, self._caller(context), rpc_id)
            except Refusal as refusal:
                return refusals.end(context, refusal, rpc_id)
            finally:
                self._org.release_reader()

        return guarded

    def _guarded_stream(self, handler: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        @wraps(handler)
        def guarded(requests: Any, context: Any) -> Iterator[Any]:
            rpc_id = str(uuid.uuid4())
            wake = threading.Event()
            context.add_callback(wake.set)
            try:
                with self._org.changes.woken(wake):
                    yield from handler(requests, self._caller(context), rpc_id, wake, self._active(context))
                if self.closing.is_set():
                    raise refusals.unavailable()
            except Refusal as refusal:
                refusals.end(context, refusal, rpc_id)
            finally:
                self._org.release_reader()

        return guarded

    def _caller(self, context: Any) -> EventCaller:
        if self._trouble.strikes("unavailable"):
            raise refusals.unavailable()
        self._org.late.settle()
        caller = caller_of(self._org, context.invocation_metadata())
        if self._trouble.strikes("exhausted"):
            raise refusals.exhausted()
        return caller

    def _active(self, context: Any) -> Callable[[], bool]:
        return lambda: bool(context.is_active()) and not self.closing.is_set()

    def _topic(self, name: str, caller: EventCaller) -> Topic:
        topic = topics.find(self._org, name)
        if topic is None or not caller.may_subscribe(topic):
            raise refusals.no_topic(name)
        return topic

    # -- topics and schemas -------------------------------------------------------------------------

    def GetTopic(self, request: Any, caller: EventCaller, rpc_id: str) -> Any:
        """What may be done with a topic, and its schema; a channel of several objects has none of its own."""
        topic = self._topic(request.topic_name, caller)
        return messages.TopicInfo(
            topic_name=topic.name,
            tenant_guid=f"core/practice/{self._org.id}",
            can_publish=topic.publishable,
            can_subscribe=True,
            schema_id=self._schema_id(topic),
            rpc_id=rpc_id,
        )

    def _schema_id(self, topic: Topic) -> str:
        if not topic.definition:
            return ""
        schema_id = publishing.schema_id(topic)
        if reading.schema_by_id(self._org, schema_id) is None:
            with self._org.transaction() as tx:
                keep_schema(tx.connection, next(iter(topic.entities)), topic.definition)
        return schema_id

    def GetSchema(self, request: Any, caller: EventCaller, rpc_id: str) -> Any:
        """The text of a schema, also of one that is no longer in use."""
        found = reading.schema_by_id(self._org, request.schema_id)
        if found is None:
            raise refusals.no_schema(request.schema_id)
        return messages.SchemaInfo(schema_json=found[1], schema_id=request.schema_id, rpc_id=rpc_id)

    # -- subscribing --------------------------------------------------------------------------------

    def Subscribe(
        self,
        requests: Iterable[Any],
        caller: EventCaller,
        rpc_id: str,
        wake: threading.Event,
        active: Callable[[], bool],
    ) -> Iterator[Any]:
        """Events of a topic as they come, as many as were asked for."""
        incoming = Requests(requests, wake)
        first = incoming.first()
        if first is None:
            return
        topic = self._topic(first.topic_name, caller)
        stream = Subscription(self._org, caller, topic, self._position(first), self._trouble)
        stream.ask(first.num_requested)

        def take(request: Any) -> Iterator[Any]:
            if request.topic_name and request.topic_name != first.topic_name:
                raise refusals.invalid("The topic of a subscription cannot be changed.")
            stream.ask(request.num_requested)
            yield from ()

        def respond(events: list[Any], position: bytes, pending: int) -> Any:
            return messages.FetchResponse(
                events=events, latest_replay_id=position, rpc_id=rpc_id, pending_num_requested=pending
            )

        yield from run(stream, incoming, wake, active, take, respond)

    def _position(self, first: Any) -> int:
        if first.replay_preset == messages.EARLIEST:
            return reading.oldest(self._org)
        if first.replay_preset != messages.CUSTOM:
            return reading.tip(self._org)
        if not first.replay_id:
            raise refusals.no_replay_id()
        number = reading.replay_number(first.replay_id)
        refused = self._trouble.strikes("refuse_replay")
        if refused or number is None or not reading.is_kept(self._org, number):
            raise refusals.corrupted()
        return number

    def ManagedSubscribe(
        self,
        requests: Iterable[Any],
        caller: EventCaller,
        rpc_id: str,
        wake: threading.Event,
        active: Callable[[], bool],
    ) -> Iterator[Any]:
        """Events of a managed subscription from the position that was committed last."""
        incoming = Requests(requests, wake)
        first = incoming.first()
        if first is None:
            return
        key = first.subscription_id or first.developer_name
        definition = managed.find(self._org, key)
        if definition is None or definition.state != "RUN":
            raise refusals.invalid(
                f"No managed subscription that runs: {key}.", "subscription.managed.invalid"
            )
        topic = self._topic(definition.topic, caller)
        stream = Subscription(self._org, caller, topic, managed.start(self._org, definition), self._trouble)

        def take(request: Any) -> Iterator[Any]:
            named = request.subscription_id or request.developer_name
            if named and managed.find(self._org, named) != definition:
                raise refusals.invalid("The managed subscription of a stream cannot be changed.")
            if request.HasField("commit_replay_id_request"):
                yield self._committed(definition, request.commit_replay_id_request, rpc_id, stream)
            if request.num_requested or not request.HasField("commit_replay_id_request"):
                stream.ask(request.num_requested)

        def respond(events: list[Any], position: bytes, pending: int) -> Any:
            return messages.ManagedFetchResponse(
                events=events, latest_replay_id=position, rpc_id=rpc_id, pending_num_requested=pending
            )

        yield from take(first)
        yield from run(stream, incoming, wake, active, take, respond)

    def _committed(
        self, definition: managed.ManagedSubscription, request: Any, rpc_id: str, stream: Subscription
    ) -> Any:
        done = messages.CommitReplayResponse(
            commit_request_id=request.commit_request_id,
            replay_id=request.replay_id,
            process_time=int(time.time() * 1000),
        )
        if not managed.commit(self._org, definition, request.replay_id):
            done.error.code = messages.COMMIT
            done.error.msg = "The Replay ID validation failed. Ensure that the Replay ID is valid."
        return messages.ManagedFetchResponse(
            latest_replay_id=reading.replay_id(stream.position),
            rpc_id=rpc_id,
            pending_num_requested=stream.pending,
            commit_response=done,
        )

    # -- publishing ---------------------------------------------------------------------------------

    def Publish(self, request: Any, caller: EventCaller, rpc_id: str) -> Any:
        """Put events on the bus, with a result for each."""
        topic = self._publishable(request.topic_name, caller)
        return self._published(topic, request.events, caller, rpc_id)

    def PublishStream(
        self,
        requests: Iterable[Any],
        caller: EventCaller,
        rpc_id: str,
        wake: threading.Event,
        active: Callable[[], bool],
    ) -> Iterator[Any]:
        """The same for batch after batch on one stream."""
        incoming = Requests(requests, wake)
        first = incoming.first()
        if first is None:
            return
        topic = self._publishable(first.topic_name, caller)
        yield self._published(topic, first.events, caller, rpc_id)
        heard = time.monotonic()
        while active():
            wake.clear()
            for request in incoming.waiting():
                if request.topic_name and request.topic_name != first.topic_name:
                    raise refusals.invalid("The topic of a publisher's stream cannot be changed.")
                yield self._published(topic, request.events, caller, rpc_id)
                heard = time.monotonic()
            if incoming.ended and incoming.is_empty():
                return
            idle = float(self._org.setting(PUBLISH_IDLE, PUBLISH_IDLE_SECONDS))
            if time.monotonic() - heard > idle or not caller.alive():
                raise refusals.idle() if caller.alive() else refusals.unauthenticated()
            wake.wait(0.5)

    def _publishable(self, name: str, caller: EventCaller) -> Topic:
        topic = self._topic(name, caller)
        if not topic.publishable:
            raise refusals.forbidden(f"Publishing to {topic.name} is not allowed.")
        return topic

    def _published(self, topic: Topic, events: Any, caller: EventCaller, rpc_id: str) -> Any:
        act(caller.user_id)
        schema_id = self._schema_id(topic)
        results = publishing.publish(self._org, topic, events)
        return messages.PublishResponse(results=results, schema_id=schema_id, rpc_id=rpc_id)
