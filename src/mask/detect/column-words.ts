import type { DataClass } from './data-class.ts';

/**
 * What columns of personal data are called, in English, German, French, Spanish, Italian, Portuguese and Dutch; without
 * accents, words parted by one space. Written together they count as well (`firstname`). With the confidence, 0 to 1,
 * that a column of this name and a fitting type holds what it says.
 */
type Vocabulary = readonly (readonly [class_: DataClass, confidence: number, phrases: string])[];

const vocabulary: Vocabulary = [
  [
    'email',
    0.95,
    'email|e mail|email address|mail address|emailaddr|email addr|courriel|adresse mail|adresse email|correo electronico|correo|endereco de email|posta elettronica|emailadresse|e mail adresse|mailadresse|emailadres',
  ],
  ['email', 0.6, 'mail|indirizzo mail|pec'],
  [
    'phone',
    0.93,
    'phone|phone number|phone no|phonenr|telephone|telephone number|tel no|tel nr|telefon|telefonnummer|telefoon|telefoonnummer|telefono|telefone|mobile number|mobile phone|mobile no|cell phone|cellphone|handynummer|handy|celular|movil|cellulare|telemovel|portable phone|gsm|msisdn|rufnummer|fax|fax number|faxnummer|fax no|whatsapp|numero de telephone|numero de telefono|numero telefono',
  ],
  ['phone', 0.6, 'tel|mobile|mobil|portable|landline|festnetz|home number|ph'],
  [
    'person_name',
    0.93,
    'full name|fullname|display name|real name|legal name|person name|complete name|name of person|nom complet|nombre completo|nome completo|nome e cognome|volledige naam|ansprechpartner|contact person|cardholder|card holder|card holder name|cardholder name|account holder|kontoinhaber|titulaire|titular|next of kin|emergency contact|mothers maiden name|mother maiden name|maiden name|beneficiary|geburtsname|personenname',
  ],
  [
    'first_name',
    0.93,
    'first name|firstname|fname|given name|forename|middle name|vorname|prenom|nombre de pila|primer nombre|voornaam|primeiro nome|nome proprio|givenname|nickname|nick name|preferred name',
  ],
  [
    'last_name',
    0.93,
    'last name|lastname|lname|surname|family name|familyname|nachname|familienname|zuname|nom de famille|apellido|apellidos|cognome|achternaam|sobrenome|apelido|second name',
  ],
  [
    'username',
    0.85,
    'user name|username|login|login name|screen name|account name|benutzername|benutzer name|nom d utilisateur|nombre de usuario|nome utente|nome de usuario|gebruikersnaam|twitter handle|instagram|telegram|skype|discord',
  ],
  ['username', 0.45, 'handle|created by|updated by|modified by|actor'],
  [
    'address',
    0.92,
    'street|street address|streetname|street name|street line|address|address line|addr|mailing address|home address|postal address|billing address|shipping address|delivery address|residence|strasse|hausnummer|house number|anschrift|adresse|rue|direccion|domicilio|calle|indirizzo|endereco|morada|rua|straat|straatnaam|adres|huisnummer|wohnort|apartment|po box|postfach',
  ],
  [
    'city',
    0.7,
    'city|town|stadt|ort|ville|ciudad|citta|cidade|plaats|woonplaats|municipality|gemeinde|locality|county|birth place|place of birth|birthplace|geburtsort|lieu de naissance|lugar de nacimiento|luogo di nascita|luogo nascita|lugar nacimiento|lieu naissance',
  ],
  [
    'postcode',
    0.88,
    'zip|zip code|zipcode|postcode|postal code|post code|plz|postleitzahl|code postal|codigo postal|cep|postleitzahlen|pincode',
  ],
  [
    'coordinates',
    0.85,
    'latitude|longitude|lat|lng|lon|coordinates|coords|geo point|geo location|geolocation|gps|latlng|lat lng|lat lon|latitud|longitud|latitudine|longitudine|breitengrad|laengengrad',
  ],
  ['coordinates', 0.5, 'geom|geo|location|geography'],
  ['postcode', 0.45, 'cap'],
  [
    'date_of_birth',
    0.95,
    'date of birth|birth date|birthdate|birthday|dob|bday|born|born on|birth dt|geburtsdatum|geburtstag|geb datum|gebdat|date de naissance|date naissance|naissance|fecha de nacimiento|fecha nacimiento|nacimiento|data di nascita|data nascita|data de nascimento|data nascimento|nascimento|geboortedatum|year of birth|birth year|yob',
  ],
  [
    'event_date',
    0.75,
    'date of death|death date|deceased on|deceased at|dod|admission date|admitted at|admitted on|discharge date|discharged at|discharged on|date of service|service date|hire date|hired at|hired on|termination date|visit date|appointment date|date of admission|date of discharge|todesdatum|aufnahmedatum|entlassungsdatum|eintrittsdatum',
  ],
  ['age', 0.75, 'age|age years|alter jahre|edad|eta|idade|leeftijd'],
  [
    'us_ssn',
    0.95,
    'ssn|social security|social security number|social security no|ss number|soc sec|socialsecurity|ssn last 4|itin',
  ],
  [
    'national_id',
    0.92,
    'national id|national id number|national identity|national identity number|nationalid|identity number|identity card|id card|id card number|nino|ni number|national insurance number|national insurance|dni|cpf|aadhaar|aadhar|aadhaar number|bsn|burgerservicenummer|pesel|personnummer|personal number|fodselsnummer|cpr number|henkilotunnus|hetu|codice fiscale|codfisc|curp|cuil|cnic|nric|hkid|steuer id|steueridentifikationsnummer|idnr|ausweisnummer|personalausweis|sozialversicherungsnummer|sv nummer|svnr|ahv|ahv nummer|rijksregisternummer|numero de securite sociale|securite sociale|insee|ppsn|tckn|tc kimlik|rodne cislo|documento de identidad|documento identita|cedula|nhs number|nhs no',
  ],
  ['national_id', 0.6, 'sin|nin|nid|rut|rg|nie|nir|pps|oib|cpr|egn|cnp|document number|id number|citizen id'],
  [
    'tax_id',
    0.85,
    'tax id|tax number|tax no|taxid|tax identification number|tin|ein|vat id|vat number|steuernummer|numero fiscal|numero fiscale|partita iva|p iva|cnpj|ust id|ustid|siret|siren|tfn|abn|pan number india',
  ],
  ['tax_id', 0.5, 'cif|rfc|nif'],
  [
    'passport',
    0.95,
    'passport|passport number|passport no|passportnumber|pass number|passnummer|reisepass|passeport|pasaporte|passaporto|passaporte|paspoort|paspoortnummer',
  ],
  [
    'driver_licence',
    0.95,
    'driver license|drivers license|driver licence|driving licence|driving license|driver license number|drivers license number|drivers licence|license number|licence number|dl number|dl no|fuehrerschein|fuhrerschein|permis de conduire|permiso de conducir|licencia de conducir|patente di guida|carta de conducao|cnh|rijbewijs',
  ],
  ['iban', 0.96, 'iban|iban number|international bank account number'],
  [
    'bank_account',
    0.88,
    'bank account|bank account number|konto|kto nr|ktonr|kto|account number|account no|acct no|acct number|acct num|routing number|sort code|bsb|kontonummer|konto nr|kontonr|blz|bankleitzahl|numero de compte|numero de cuenta|clabe|conto corrente|numero conto|conta bancaria|rekeningnummer|bic|swift|swift code',
  ],
  ['bank_account', 0.5, 'rib|aba'],
  [
    'pan',
    0.95,
    'card number|card no|card num|cc number|cc num|cc no|ccnum|credit card|credit card number|creditcard|debit card|debit card number|primary account number|kreditkarte|kreditkartennummer|kartennummer|carte bancaire|numero de carte|tarjeta|numero de tarjeta|tarjeta de credito|carta di credito|numero carta|cartao|numero do cartao|creditcardnummer',
  ],
  ['pan', 0.55, 'pan|cc|card last 4|card last four|last 4|last four'],
  [
    'card_expiry',
    0.85,
    'card expiry|card exp|cc expiry|cc exp|exp month|exp year|expiry month|expiry year|card expiration|expiration month|expiration year',
  ],
  [
    'card_security_code',
    0.95,
    'cvv|cvv2|cvc|cvc2|csc|card security code|security code|card verification|track data|track1|track2|track 1 data|track 2 data|magstripe|magnetic stripe|pin block',
  ],
  [
    'vehicle',
    0.9,
    'vin|vin number|vehicle identification number|license plate|licence plate|number plate|plate number|kennzeichen|fahrgestellnummer|plaque|immatriculation|matricula|targa|placa|kenteken|chassis number',
  ],
  [
    'device',
    0.88,
    'device id|device identifier|imei|imsi|iccid|udid|idfa|idfv|gaid|aaid|android id|advertising id|device token|push token|fcm token|apns token|device serial|machine id|hardware id|installation id',
  ],
  [
    'device',
    0.5,
    'serial number|serial no|device fingerprint|session id|sessionid|visitor id|anonymous id|cookie id',
  ],
  ['mac', 0.95, 'mac|mac address|mac addr|macaddress|wifi mac|bssid'],
  [
    'ip',
    0.93,
    'ip|ip address|ip addr|ipaddress|ipaddr|ipv4|ipv6|remote addr|remote ip|client ip|last ip|sign in ip|ip adresse|adresse ip|direccion ip|indirizzo ip|endereco ip|ip adres|x forwarded for|host ip',
  ],
  [
    'url',
    0.55,
    'website|homepage|home page|webseite|web site|site web|sitio web|linkedin|linkedin url|facebook|facebook url|twitter url|profile url|blog url|personal url',
  ],
  ['user_agent', 0.9, 'user agent|useragent|http user agent|browser agent|ua string'],
  [
    'biometric',
    0.95,
    'fingerprint template|biometric|biometrics|biometric data|face embedding|face encoding|face id|faceprint|iris scan|voice print|voiceprint|retina|fingerprint image|fingerabdruck|empreinte digitale|huella dactilar|impronta digitale|dna|genome',
  ],
  [
    'photo',
    0.75,
    'photo|photo url|profile photo|profile picture|profile pic|profile image|avatar|avatar url|headshot|selfie|portrait|mugshot|passfoto|lichtbild|foto|foto perfil',
  ],
  [
    'gender',
    0.85,
    'gender|sex|geschlecht|sexe|sexo|genero|sesso|genere|geslacht|salutation|anrede|pronouns|civilite',
  ],
  [
    'health',
    0.85,
    'diagnosis|diagnoses|diagnosis code|icd|icd 10|icd code|icd10|icd9|disease|medical condition|medical conditions|medical history|symptoms|allergy|allergies|medication|medications|prescription|blood type|blood group|blutgruppe|disability|disabled|pregnant|pregnancy|smoker|vaccination|vaccinated|immunization|hiv status|covid status|mental health|treatment|lab result|krankheit|diagnose|allergien|medikation|behinderung|schwanger|maladie|diagnostic|handicap|enfermedad|diagnostico|alergias|malattia|diagnosi|doenca|alergia|ziekte|krankengeschichte|bmi|blood pressure|heart rate|glucose|weight kg|height cm',
  ],
  [
    'medical_record',
    0.93,
    'mrn|medical record|medical record number|medical record no|patient number|patient no|patient identifier|patientennummer|numero de patient|numero de historia clinica|historia clinica|cartella clinica|chart number',
  ],
  [
    'health_plan',
    0.9,
    'health plan|health plan number|health plan id|health insurance number|health insurance id|insurance member id|medicare number|medicare id|medicaid id|medicaid number|krankenversicherungsnummer|versichertennummer|versicherungsnummer|kvnr|ehic|health card|health card number|mbi|insurance policy number|subscriber number|numero de mutuelle|tarjeta sanitaria|tessera sanitaria',
  ],
  [
    'religion',
    0.95,
    'religion|religious belief|religious affiliation|faith|denomination|konfession|religionszugehoerigkeit|church tax|kirchensteuer|confession|credo|religione|religiao|geloof',
  ],
  [
    'ethnicity',
    0.93,
    'ethnicity|ethnic origin|ethnic group|ethnic|race ethnicity|ethnie|etnia|origen etnico|origine ethnique|etnicidad|etniciteit|caste|tribe|hautfarbe',
  ],
  ['ethnicity', 0.6, 'race|rasse|raca'],
  [
    'nationality',
    0.8,
    'nationality|citizenship|nationalitaet|staatsangehoerigkeit|staatsangehorigkeit|nationalite|nacionalidad|nazionalita|nacionalidade|nationaliteit|country of birth|birth country|immigration status|visa status',
  ],
  [
    'orientation',
    0.95,
    'sexual orientation|sexuality|sexuelle orientierung|orientation sexuelle|orientacion sexual|orientamento sessuale|orientacao sexual',
  ],
  [
    'politics',
    0.9,
    'political opinion|political affiliation|political party|political view|party affiliation|union member|union membership|trade union|gewerkschaft|parteizugehoerigkeit|syndicat|sindicato|voter registration',
  ],
  [
    'salary',
    0.88,
    'salary|base salary|annual salary|wage|wages|hourly wage|income|annual income|monthly income|household income|compensation|gehalt|lohn|einkommen|salaire|revenu|salario|sueldo|ingresos|stipendio|reddito|retribuzione|renda|salaris|loon|inkomen|pay rate|bonus amount|pension',
  ],
  [
    'financial',
    0.7,
    'credit score|fico|fico score|net worth|account balance|credit limit|schufa|bonitaet|debt|loan amount|creditworthiness|solvency|patrimonio',
  ],
  [
    'password',
    0.96,
    'password|passwd|pwd|passwort|kennwort|mot de passe|contrasena|clave de acceso|senha|wachtwoord|password hash|password digest|encrypted password|hashed password|passhash|pass hash|passphrase|pin code|pin hash|security answer|secret answer|parola d ordine',
  ],
  [
    'secret',
    0.93,
    'api key|apikey|api token|api secret|secret key|secretkey|access token|refresh token|auth token|authtoken|id token|bearer token|session token|session key|private key|privatekey|client secret|webhook secret|signing secret|signing key|otp secret|totp secret|mfa secret|two factor secret|2fa secret|recovery code|recovery codes|backup codes|reset token|reset password token|confirmation token|verification token|remember token|invite token|encryption key|credentials|oauth token|access key|jwt|secret|password salt|verification code|otp',
  ],
  ['secret', 0.55, 'token|salt|cookie'],
  [
    'free_text',
    0.55,
    'notes|note|comment|comments|remark|remarks|message|body|description|free text|feedback|review text|bio|biography|about me|about|memo|observations|bemerkung|bemerkungen|notiz|notizen|kommentar|beschreibung|commentaire|remarque|comentario|comentarios|observaciones|notas|commento|osservazioni|observacoes|opmerking|opmerkingen|transcript|chat|complaint|reason text|answer|response text',
  ],
];

export interface ColumnWord {
  readonly class: DataClass;
  readonly confidence: number;
}

/** By phrase without its spaces. */
export const columnPhrases: ReadonlyMap<string, ColumnWord> = new Map(
  vocabulary.flatMap(([name, confidence, phrases]) =>
    phrases.split('|').map((phrase) => [phrase.replaceAll(' ', ''), { class: name, confidence }] as const),
  ),
);

/** `name` after one of these is the name of a person. Singular; a plural `s` is taken off. */
export const PERSON_NOUNS: ReadonlySet<string> = new Set(
  `user customer client person people employee staff patient contact member subscriber profile applicant candidate student
   pupil teacher guest passenger lead donor author driver owner recipient sender receiver buyer seller manager holder
   physician doctor nurse provider consultant agent attendee participant visitor resident citizen voter borrower debtor
   payer payee shopper signatory witness parent mother father child spouse partner guardian relative beneficiary insured
   account_holder cardholder prospect representative approver assignee reviewer cashier courier tenant landlord athlete
   kunde kunden benutzer nutzer mitarbeiter person personen patient patienten kontakt mitglied bewerber schueler student
   empfaenger absender besitzer fahrer gast angestellte utilisateur employe salarie personne adherent contact eleve
   usuario cliente empleado persona paciente contacto alumno socio conductor utente dipendente paziente contatto
   funcionario pessoa contato aluno gebruiker klant medewerker persoon patient lid contactpersoon leerling`.split(
    /\s+/,
  ),
);

/** `name` after one of these is the name of a thing. */
export const THING_NOUNS: ReadonlySet<string> = new Set(
  `company product file host table domain event brand organization organisation team project group category role plan
   tag item shop store class course school bank department device server database schema column field bucket queue topic
   branch repo repository package module template campaign country city region state firm firma service app application
   merchant vendor supplier model type status permission job task menu page site layer metric key method function image
   folder dir directory path index constraint sku variant color colour currency language channel network cluster node
   program programme feature flag list segment dataset report dashboard film movie book song album game route station
   warehouse tenant_name business institution hotel restaurant clinic hospital ward drug medicine test`.split(
    /\s+/,
  ),
);

/** After a word of personal data they make the column something about it, not the thing itself. */
export const ABOUT: ReadonlySet<string> = new Set(
  `id ids uuid guid fk key count counts counter verified verification confirmed valid validated validity enabled
   disabled active allowed required optional flag status state type types kind category class code_type format pattern
   regex mask label title template templates subject provider domain preference preferences pref prefs setting settings
   opt optin optout sent queued bounced opened clicked delivered failed failures attempts retry retries limit max min
   length size width height at on date day month year time timestamp ts since until expires expiry expiration version visible public
   hidden private consent frequency enum index order sort position rank score strength policy schedule language locale
   source origin channel updated created changed reset last_used used exists present unique accuracy precision zone
   radius radians visibility usage quota price cost fee percent ratio rate bucket range group band bracket`.split(
    /\s+/,
  ),
);

/** Before a word of personal data they make the column a flag, a count or a setting. */
export const ABOUT_BEFORE: ReadonlySet<string> = new Set(
  'is has had was can should must allow show hide use require requires enable count num number_of total max min no_of send wants want accept accepts receive'.split(
    ' ',
  ),
);

/** Beside a word of personal data they change nothing. */
export const NEUTRAL: ReadonlySet<string> = new Set(
  `the of a my your his her home work office private personal business primary secondary main alternate alternative alt
   other second old new current previous former original default billing shipping delivery mailing contact customer
   client user member patient employee person owner author sender recipient buyer seller account profile guest student
   number numbers no nr num value text raw enc encrypted plain clean normalized normalised canonical lower full hash hashed
   masked last first from to cc bcc reply line one two three address registered emergency mobile daytime evening
   business legal public str txt de del du la le di da do der die das van el field input string data info details
   c f p t u col fld tbl src dst tmp bak`.split(/\s+/),
);

/** Words for name that say neither whose nor which. */
export const NAME_WORDS: ReadonlySet<string> = new Set(['name', 'names', 'naam', 'nome', 'nombre', 'nom']);

/** A column of these holds numbers and codes of things. */
export const NUMBER_WORDS: ReadonlySet<string> = new Set(
  `version versions build release firmware revision sku ean upc gtin isbn issn barcode order invoice price amount total
   quantity qty tracking shipment batch lot checksum hash digest etag oid sequence seq part article catalog serial
   bestellnummer rechnungsnummer artikelnummer commande facture pedido factura ordine fattura bestelling factuur`.split(
    /\s+/,
  ),
);

/** Words for the names of things. */
export const TITLE_WORDS: ReadonlySet<string> = new Set(
  `title titel titre titulo titolo label slug headline subject topic brand make marke marque marca keyword colour color
   unit status state type kind category currency`.split(/\s+/),
);

/** A column of these holds numbers that stand for something. */
export const CODE_WORDS: ReadonlySet<string> = new Set(
  `id no nr num number code key ref reference ident identifier external ext legacy member customer client user person
   employee patient account subscriber nummer numero kennung`.split(/\s+/),
);
