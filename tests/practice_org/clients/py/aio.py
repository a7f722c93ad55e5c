"""Drives unmodified aiosalesforce against a practice org. Orders as JSON on stdin, answers as JSON."""

import asyncio
import json
import sys

import httpx
from aiosalesforce import ClientCredentialsFlow, JwtBearerFlow, Salesforce, SoapLogin, format_soql

given = json.load(sys.stdin)
HOST = "https://practice.my.salesforce.com"


async def main() -> dict:
    said: dict = {"logins": []}
    async with httpx.AsyncClient(proxy=given["proxy"], timeout=60) as http:
        for auth in (
            SoapLogin(given["username"], given["password"], given["token"]),
            ClientCredentialsFlow(given["clientId"], given["clientSecret"]),
            JwtBearerFlow(given["clientId"], given["username"], given["keyFile"]),
        ):
            sf = Salesforce(http, base_url=HOST, auth=auth, version="60.0")
            said["logins"].append(len([row async for row in sf.query("SELECT Id FROM Organization")]))
        said["limit"] = (await sf.get_limits())["DailyApiRequests"]["Max"]
        said["leads"] = len([row async for row in sf.query("SELECT Id FROM Lead")])
        quoted = format_soql("SELECT Id, Description FROM Lead WHERE LastName = {name}", name=given["name"])
        said["read"] = [row["Description"] async for row in sf.query(quoted)]

        lead = await sf.sobject.create(
            "Lead", {"LastName": "Aio", "Company": "Aio", "Description": given["text"]}
        )
        await sf.sobject.update("Lead", lead, {"Title": "Async"})
        said["lead"] = lead
        said["got"] = (await sf.sobject.get("Lead", lead, fields=["Title", "Description"]))["Title"]
        for name in ("Up 1", "Up 2"):
            done = await sf.sobject.upsert(
                "Lead", "aio-1", "Legacy_Id__c", {"LastName": name, "Company": "U"}
            )
            said.setdefault("upserts", []).append([done.id, done.created])
        gone = await sf.sobject.create("Lead", {"LastName": "Gone", "Company": "Aio"})
        await sf.sobject.delete("Lead", gone)

        async with sf.composite.batch(halt_on_error=True, autoraise=True) as batch:
            one = batch.sobject.create("Lead", {"LastName": "Batch", "Company": "Aio"})
            rows = batch.query("SELECT Id FROM Lead LIMIT 2")
        said["batch"] = [bool(one.id), len(rows.records)]
        async with sf.composite(all_or_none=True, autoraise=True) as composite:
            account = composite.sobject.create("Account", {"Name": "Aio"})
            contact = composite.sobject.create(
                "Contact", {"LastName": "Aio", "AccountId": str(account.reference.id)}
            )
        said["composite"] = [account.id, contact.id]

        done = await sf.bulk_v2.insert(
            "Lead",
            [{"LastName": f"Aio bulk {n}", "Company": "Aio bulk"} for n in range(3)] + [{"Company": "none"}],
        )
        said["bulk"] = [len(done.successful_results), len(done.failed_results), len(done.unprocessed_records)]
        said["refusal"] = done.failed_results[0]["sf__Error"]
        rows = [{"Id": row["sf__Id"], "Title": "changed"} for row in done.successful_results]
        said["changed"] = len((await sf.bulk_v2.update("Lead", rows)).successful_results)
        try:
            await sf.sobject.update("Lead", lead, {"Email": "no address"})
        except Exception as error:
            said["refused"] = str(error)
    return said


print(json.dumps(asyncio.run(main())))
